import { statfs } from 'node:fs/promises'

/** How much a disk has left for this user, in bytes; undefined where its file system does not say. */
export async function freeBytes(path: string): Promise<number | undefined> {
  const { blocks, bavail, bsize } = await statfs(path)
  return blocks === 0 ? undefined : bavail * bsize
}

/** Why a disk has not enough left; undefined where it has. */
export async function shortage(path: string, neededBytes: number): Promise<string | undefined> {
  const free = await freeBytes(path)
  if (free === undefined || free >= neededBytes) return undefined
  return `its disk has ${megabytes(free)} MB left, and ${megabytes(neededBytes)} are needed`
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1_000_000)
}
