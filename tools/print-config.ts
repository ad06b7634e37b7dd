// Writes the table of environment variables into README.md; with --check, fails where it is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { describeConfig } from '../src/config.ts'

const file = new URL('../README.md', import.meta.url)
const readme = readFileSync(file, 'utf8')
const rows = describeConfig().map(
  ({ name, default: value, allowed, description }) =>
    `| \`${name}\` | ${value && `\`${value}\``} | ${description} | ${allowed} |`,
)
const table = ['| variable | default | what it sets | allowed |', '|---|---|---|---|', ...rows].join('\n')
const updated = readme.replace(/<!-- config -->.*?<!-- \/config -->/s, `<!-- config -->\n${table}\n<!-- /config -->`)
if (!process.argv.includes('--check')) {
  writeFileSync(file, updated)
} else if (updated !== readme) {
  console.error("README.md's table of variables is stale: run `npm run schema` and commit it.")
  process.exitCode = 1
}
