import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { hasChromium } from '../support/services.ts'

describe.skipIf(!hasChromium)('GraphiQL', () => {
  let app: TestApp
  let browser: Browser
  beforeAll(async () => {
    app = await startApp({ env: { RATE_LIMIT_MAX: '100' } })
    browser = await startChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await app?.dispose()
  })

  interface Visit {
    readonly page: Page
    /** Requests to other places than the service, which were stopped. */
    readonly strays: string[]
    /** What went wrong on the page. */
    readonly problems: string[]
  }

  async function visit(): Promise<Visit> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    const strays: string[] = []
    const problems: string[] = []
    await context.route('**', (route) => {
      const url = route.request().url()
      if (new URL(url).origin === app.url || /^(data|blob):/.test(url)) return route.continue()
      strays.push(url)
      return route.abort()
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(app.url)
    await page.getByRole('tab').first().waitFor()
    return { page, strays, problems }
  }

  /**
   * Goes to a tab and presses play until the response is the one expected: tabs are there before they work, and for a
   * moment the last tab's operation is the one that is run.
   */
  async function play(visited: Visit, name: string, expected: RegExp): Promise<void> {
    const { page } = visited
    const editor = page.locator('.graphiql-query-editor .view-lines')
    async function selectTab(): Promise<string | null> {
      await page
        .getByRole('tab')
        .filter({ hasText: new RegExp(`^${name}`) })
        .click()
      return editor.textContent()
    }
    async function press(): Promise<string | null> {
      const execute = page.getByRole('button', { name: /^Execute query/ })
      // While it runs, the button would stop it.
      if ((await execute.count()) > 0) await execute.click()
      await page
        .locator('.result-window', { hasText: expected })
        .waitFor({ timeout: 2000 })
        .catch(() => {})
      return responseOf(visited)
    }
    await expect.poll(selectTab, POLL).toContain(name)
    await expect.poll(press, POLL).toMatch(expected)
  }

  function responseOf({ page }: Visit): Promise<string | null> {
    return page.locator('.result-window').textContent()
  }

  it('should offer examples that work, without a request to any other place', async () => {
    const first = await visit()
    expect(first.page.url()).toBe(app.graphql)
    expect(await first.page.getByRole('tab').allInnerTexts()).toEqual([
      'RunAuction',
      'LiveStatistics',
      'Supplies',
      'Statistics',
    ])
    await play(first, 'RunAuction', /"__typename":\s"Auction"/)
    await play(first, 'Supplies', /"totalCount":\s10/)
    await play(first, 'Statistics', /"totalRequests":\s[1-9]/)
    await takeScreenshot(first.page, 'statistics')
    expect(first).toMatchObject({ strays: [], problems: [] })
  })

  it('should show live statistics move while the example auction is run in another window', async () => {
    const watching = await visit()
    await play(watching, 'LiveStatistics', /"totalRequests":\s0/)

    const running = await visit()
    await play(running, 'RunAuction', /"__typename":\s"Auction"/)
    await expect.poll(() => responseOf(watching), POLL).toMatch(/"totalRequests":\s[1-9]/)
    await takeScreenshot(watching.page, 'subscription')
    await takeScreenshot(running.page, 'mutation')
    for (const visited of [watching, running]) expect(visited).toMatchObject({ strays: [], problems: [] })
  })
})

const POLL = { interval: 200 }

/** Kept for a look where SCREENSHOTS names a folder. */
async function takeScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS
  if (folder) await page.screenshot({ path: join(folder, `graphiql-${name}.png`) })
}
