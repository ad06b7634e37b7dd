import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { curlLine, shellQuote } from '../../src/cli/shell-quote.ts'

describe('a quoted text', () => {
  it.each(['', 'plain', "it's", "'; echo run; '", '$(echo run) `echo run` \\ "', 'two\nlines'])(
    'should be one word of a shell: %j',
    (text) => {
      expect(execFileSync('/bin/sh', ['-c', `printf %s. ${shellQuote(text)}`], { encoding: 'utf8' })).toBe(`${text}.`)
    },
  )
})

describe('a request as a line of a shell', () => {
  it("should send a supply's id as it is, and run nothing of it", () => {
    const request = { variables: { input: { supplyId: "it's'; echo run; '$(echo run)`echo run`" } } }
    const line = curlLine('http://127.0.0.1:4000/graphql', request, { hasKey: true, host: "it's.example" })
    const script = `curl() { printf '%s\\n' "$@"; }; API_KEY=key; ${line}`
    expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\n')).toEqual([
      '-s',
      'http://127.0.0.1:4000/graphql',
      '-H',
      "Host: it's.example",
      '-H',
      'authorization: Bearer key',
      '-H',
      'content-type: application/json',
      '-d',
      JSON.stringify(request),
      '',
    ])
  })
})
