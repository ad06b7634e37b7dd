import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { shellQuote } from '../../src/cli/shell-quote.ts'

describe('a quoted text', () => {
  it.each(['', 'plain', "it's", "'; echo run; '", '$(echo run) `echo run` \\ "', 'two\nlines'])(
    'should be one word of a shell: %j',
    (text) => {
      expect(execFileSync('/bin/sh', ['-c', `printf %s. ${shellQuote(text)}`], { encoding: 'utf8' })).toBe(`${text}.`)
    },
  )
})
