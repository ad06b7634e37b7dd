import { describe, expect, it } from 'vitest'
import { ANY_OPERATION } from '../../src/graphql/persisted-operations.ts'
import { createParametersReader } from '../../src/server/request-parameters.ts'
import fc from '../support/fast-check.ts'

const QUERY = 'mutation($input: RunAuctionInput!) { runAuction(input: $input) { __typename } }'

function bytes(text: string): Buffer {
  return Buffer.from(text)
}

describe('the parameters of a request', () => {
  it('should be the same for a body whose beginning is known and for one whose is not', () => {
    const parameters = fc.record(
      {
        query: fc.constantFrom(QUERY, '{ a }', ',"variables":', '"\\é😀'),
        operationName: fc.constantFrom(null, 'A', ',"variables":{}'),
        variables: fc.constantFrom(null, {}, { a: 1, text: '},"variables":{' }, { input: { ip: '10.0.0.1', b: [{}] } }),
        extensions: fc.constantFrom(null, {}),
      },
      { requiredKeys: ['query'] },
    )
    const read = createParametersReader(ANY_OPERATION.resolve)
    fc.assert(
      fc.property(fc.array(parameters, { minLength: 1, maxLength: 20 }), (requests) => {
        for (const request of requests) {
          const { query, operationName, variables } = read(bytes(JSON.stringify(request))) ?? {}
          expect({ query, operationName: operationName ?? null, variables: variables ?? null }).toEqual({
            query: request.query,
            operationName: request.operationName ?? null,
            variables: request.variables ?? null,
          })
        }
      }),
    )
  })

  it('should take variables alone where the beginning is known', () => {
    const read = createParametersReader(ANY_OPERATION.resolve)
    const first = read(bytes(JSON.stringify({ query: QUERY, variables: { a: 1 } })))
    const second = read(bytes(JSON.stringify({ query: QUERY, variables: { a: 2 } })))
    const third = read(bytes(JSON.stringify({ query: QUERY, variables: { a: 3 } })))
    expect([first?.variables, second?.variables, third?.variables]).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
    expect(third?.query).toBe(QUERY)
  })

  it.each([
    ['no JSON', '{"query":"{ a }","variables":{"a":1}'],
    ['two values after the beginning', '{"query":"{ a }","variables":{"a":1}{}}'],
    ['an unknown parameter after the variables', '{"query":"{ a }","variables":{"a":1},"more":1}'],
    ['variables that are a list', '{"query":"{ a }","variables":[1]}'],
    ['variables that are text', '{"query":"{ a }","variables":"a"}'],
    ['a closing bracket in its place', '{"query":"{ a }","variables":{"a":1}]'],
    ['nothing after the beginning', '{"query":"{ a }","variables":'],
    ['no query', '{"variables":{"a":1}}'],
    ['an operation name that is no text', '{"query":"{ a }","operationName":1,"variables":{"a":1}}'],
    ['a list', '[{"query":"{ a }"}]'],
    ['nothing', ''],
  ])('should be refused where the body is %s, cold and warm', (_what, body) => {
    expect(createParametersReader(ANY_OPERATION.resolve)(bytes(body))).toBeUndefined()
    const warm = createParametersReader(ANY_OPERATION.resolve)
    expect(warm(bytes('{"query":"{ a }","variables":{}}'))).toBeDefined()
    expect(warm(bytes(body))).toBeUndefined()
  })

  it('should follow what comes after the variables', () => {
    const read = createParametersReader(ANY_OPERATION.resolve)
    read(bytes('{"query":"{ a }","variables":{}}'))
    expect(read(bytes('{"query":"{ a }","variables":{"a":1},"operationName":"B"}'))?.operationName).toBe('B')
    expect(read(bytes('{"query":"{ a }","variables":{"a":1},"query":"{ b }"}'))?.query).toBe('{ b }')
    expect(read(bytes('{"query":"{ a }","variables":{"a":1},"variables":{"a":2}}'))?.variables).toEqual({ a: 2 })
    expect(read(bytes('{"query":"{ a }","variables":{"a":1} } \n'))?.variables).toEqual({ a: 1 })
  })
})
