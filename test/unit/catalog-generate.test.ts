import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatDataFile, generateCatalog } from '../../src/catalog/generate.ts'
import { readDataFile } from '../../src/catalog/read-data-file.ts'
import { writeDataFile } from '../../src/catalog/write-data-file.ts'
import fc from '../support/fast-check.ts'

const text = (options: Parameters<typeof generateCatalog>[0]) => [...formatDataFile(generateCatalog(options))].join('')

describe('generateCatalog', () => {
  it('should give the same file for the same seed, byte for byte, and another one for another', () => {
    const options = { supplies: 10, bidders: 12, seed: 7 }

    expect(text(options)).toBe(text(options))
    expect(text(options)).not.toBe(text({ ...options, seed: 8 }))
  })

  it('should make as many as asked for, each supply with 2 to all bidders, one of the US among them', () => {
    const options = fc.record({
      supplies: fc.integer({ min: 1, max: 60 }),
      bidders: fc.integer({ min: 2, max: 40 }),
      seed: fc.nat(2 ** 32 - 1),
    })

    fc.assert(
      fc.property(options, ({ supplies, bidders, seed }) => {
        const data = generateCatalog({ supplies, bidders, seed })
        expect(data.supplies.size).toBe(supplies)
        expect(data.bidders.size).toBe(bidders)
        for (const bidderIds of data.supplies.values()) {
          expect(new Set(bidderIds).size).toBe(bidderIds.length)
          expect(bidderIds.length).toBeGreaterThanOrEqual(2)
          const countries = bidderIds.map((id) => data.bidders.get(id))
          expect(countries).toContain('US')
          expect(countries).not.toContain(undefined)
        }
      }),
    )
  })

  it('should give every number of bidders from 2 to all about as often', () => {
    const seen = new Map<number, number>()
    for (const { length } of generateCatalog({ supplies: 4500, bidders: 10, seed: 1 }).supplies.values()) {
      seen.set(length, (seen.get(length) ?? 0) + 1)
    }

    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
    for (const times of seen.values()) expect(Math.abs(times - 500)).toBeLessThan(100)
  })

  it('should give a supply no more bidders than asked for', () => {
    const { supplies } = generateCatalog({ supplies: 1000, bidders: 500, maxBiddersPerSupply: 9, seed: 1 })

    expect(Math.max(...[...supplies.values()].map(({ length }) => length))).toBe(9)
  })

  it('should find names for many more supplies than it has words', () => {
    const { supplies } = generateCatalog({ supplies: 50_000, bidders: 2, seed: 3 })

    expect(supplies.size).toBe(50_000)
    for (const id of supplies.keys()) expect(id).toMatch(/^[a-z]+(-[a-z0-9]+)+$/)
  })
})

describe('writeDataFile', () => {
  const data = generateCatalog({ supplies: 3, bidders: 4, seed: 1 })
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'write-data-file-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it('should write what can be read again, and leave nothing else behind', async () => {
    const file = join(folder, 'new.json')

    await writeDataFile(file, data, false)

    expect(await readDataFile(file)).toEqual(data)
    expect(readdirSync(folder)).toEqual(['new.json'])
  })

  it('should replace a file only where told to', async () => {
    const file = join(folder, 'old.json')
    writeFileSync(file, 'precious')

    await expect(writeDataFile(file, data, false)).rejects.toThrow(`${file} exists already; add --force to replace it`)
    expect(readFileSync(file, 'utf8')).toBe('precious')
    await writeDataFile(file, data, true)
    expect(await readDataFile(file)).toEqual(data)
  })

  it('should say in a line why it cannot write', async () => {
    await expect(writeDataFile(folder, data, true)).rejects.toThrow(`${folder} is not a file; name one.`)
    const lost = join(folder, 'none', 'data.json')
    await expect(writeDataFile(lost, data, false)).rejects.toThrow(
      `${lost} cannot be written: its folder does not exist`,
    )
  })
})
