import { expect, it } from 'vitest'
import { createTurnQueue } from '../../src/server/turn-queue.ts'

it('should run one task in each turn of the event loop, in the order they came', async () => {
  const queue = createTurnQueue()
  const ran: string[] = []
  for (const name of ['a', 'b', 'c']) queue.run(() => ran.push(name))
  expect(queue.size()).toBe(3)
  const seen: string[] = []
  while (queue.size() > 0) {
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(ran.join(''))
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(ran).toEqual(['a', 'b', 'c'])
  expect(seen).toEqual(['a', 'ab', 'abc'])

  queue.run(() => queue.run(() => ran.push('e')))
  queue.run(() => ran.push('d'))
  await expect.poll(() => ran.join('')).toBe('abcde')
})

it('should run as many tasks in a turn as it is told', async () => {
  const queue = createTurnQueue(2)
  const ran: string[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e']) queue.run(() => ran.push(name))
  const seen: string[] = []
  while (queue.size() > 0) {
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(ran.join(''))
  }
  expect(seen).toEqual(['ab', 'abcd', 'abcde'])
})
