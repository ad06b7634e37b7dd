import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { execute } from '../support/graphql.ts'
import { ownUsedBytes } from '../support/memory.ts'

const REQUESTS = 100
const VARIABLE_BYTES = 90_000

describe('texts that are refused', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  it.each([
    ['parsed', 'GRAPHQL_PARSE_FAILED', (index: number) => `} # ${index}`],
    ['validated', 'GRAPHQL_VALIDATION_FAILED', (index: number) => `{ supplies${index} }`],
  ])(
    'should be forgotten with the requests that they came with where they cannot be %s',
    async (_name, code, textOf) => {
      const refuse = async (index: number) => {
        const { errors } = await execute(app.graphql, textOf(index), { of: 'x'.repeat(VARIABLE_BYTES) })
        expect(errors?.[0]?.extensions?.code).toBe(code)
      }
      // What is made once.
      for (let index = 0; index < 5; index += 1) await refuse(index)

      const before = await ownUsedBytes()
      for (let index = 5; index < 5 + REQUESTS; index += 1) await refuse(index)
      expect((await ownUsedBytes()) - before).toBeLessThan((REQUESTS * VARIABLE_BYTES) / 2)
    },
  )
})
