import { buildSchema, getOperationAST, type OperationDefinitionNode, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import type { Variables } from '../../src/graphql/operations.ts'
import { compileVariableDefaults } from '../../src/graphql/variable-defaults.ts'

const schema = buildSchema(`
  enum Color { RED GREEN }
  input Inner { size: Int! = 7, name: String = "unset" }
  input Outer { id: ID!, tmax: Int! = 200, color: Color! = GREEN, inner: Inner, outer: Outer }
  type Query { field(outer: Outer, size: Int): Int }
`)

function fill(variables: Variables): Variables {
  const document = parse('query ($outer: Outer, $size: Int) { field(outer: $outer, size: $size) }')
  const { variableDefinitions = [] } = getOperationAST(document) as OperationDefinitionNode
  return compileVariableDefaults(schema, variableDefinitions)(variables)
}

describe('the defaults of variables', () => {
  it('should fill in non-null fields that are left out, as a client would send them', () => {
    expect(fill({ outer: { id: '1' } })).toEqual({ outer: { id: '1', tmax: 200, color: 'GREEN' } })
  })

  it('should fill in objects within objects, and only those that are there', () => {
    expect(fill({ outer: { id: '1', tmax: 1, color: 'RED', inner: {}, outer: { id: '2' } } })).toEqual({
      outer: { id: '1', tmax: 1, color: 'RED', inner: { size: 7 }, outer: { id: '2' } },
    })
  })

  it('should give back the same variables where nothing is missing, and change none it was given', () => {
    const complete = { outer: { id: '1', tmax: 1, color: 'RED' }, size: 3 }
    expect(fill(complete)).toBe(complete)
    const missing = Object.freeze({ outer: Object.freeze({ id: '1' }) })
    expect(fill(missing)).not.toBe(missing)
  })

  it.each([
    [null],
    [undefined],
    [{}],
    [{ outer: null }],
    [{ outer: [] }],
    [{ outer: 'text' }],
    [{ outer: { id: '1', tmax: null, color: 'RED' } }],
  ])('should leave what is wrong or not there: %j', (variables) => {
    expect(fill(variables as Variables)).toBe(variables)
  })
})
