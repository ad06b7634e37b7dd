import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { lane } from '../support/watched-fast-lane.ts'

vi.mock(import('../../src/server/fast-lane.ts'), async (importOriginal) => {
  const { watchFastLane } = await import('../support/watched-fast-lane.ts')
  return watchFastLane(await importOriginal())
})

let app: TestApp
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app?.dispose())

/** Everything that the specification recommends or allows to be checked is met as well, not only what it demands. */
const AUDITS_AT_LEAST = 60

/** The audits that fail, each with the reason. */
async function failedAudits(): Promise<string[]> {
  const results = await Promise.all(serverAudits({ url: app.graphql }).map(({ fn }) => fn()))
  expect(results.length).toBeGreaterThanOrEqual(AUDITS_AT_LEAST)
  return results.flatMap((result) => (result.status === 'ok' ? [] : `${result.name}: ${result.reason}`))
}

describe('GraphQL over HTTP', () => {
  it('should pass the audit, with the fast lane', async () => {
    lane.isOn = true
    await failedAudits()
    const takenBefore = lane.taken
    expect(await failedAudits()).toEqual([])
    expect(lane.taken - takenBefore, 'audits that the fast lane answered').toBeGreaterThan(10)
  })

  it('should pass the audit, without the fast lane', async () => {
    lane.isOn = false
    expect(await failedAudits()).toEqual([])
  })
})
