import { readFile } from 'node:fs/promises'

/** The code blocks of a kind in a part of the README. */
export async function readmeBlocks(part: string, kind: string): Promise<string[]> {
  const text = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, rest = ''] = text.split(`\n${part}\n`)
  const [body = ''] = rest.split(/\n#{2,3} /)
  return [...body.matchAll(new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block]) => block ?? '')
}
