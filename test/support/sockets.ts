import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

const ESTABLISHED = '01'

/** The ports of the clients that are connected to a port of this machine, as Linux has it: over IPv4. */
export function connectedClients(serverPort: number): Set<number> {
  const clients = new Set<number>()
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/)
    if (state === ESTABLISHED && portOf(local) === serverPort) clients.add(portOf(remote))
  }
  return clients
}

/** How many sockets of any kind a process has open, as Linux has it. */
export function openSockets({ pid }: { readonly pid: number }): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((descriptor) => isSocket(join(folder, descriptor))).length
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(descriptor).startsWith('socket:')
  } catch {
    // Closed since it was listed.
    return false
  }
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}
