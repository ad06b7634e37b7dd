import type * as FastLaneModule from '../../src/server/fast-lane.ts'
import type * as WebSocketFastLaneModule from '../../src/server/websocket-fast-lane.ts'

/** What a test sees of the fast lane, and its switch. */
export const lane = { isOn: true, taken: 0 }

/** For `vi.mock`: the module, with a fast lane that counts what it takes and can be switched off. */
export function watchFastLane({ createFastLane }: typeof FastLaneModule): typeof FastLaneModule {
  return {
    createFastLane: (dependencies) => {
      const fastLane = createFastLane(dependencies)
      return (...args) => {
        if (!lane.isOn || !fastLane(...args)) return false
        lane.taken++
        return true
      }
    },
  }
}

/** What a test sees of every WebSocket's lane, and their switch. */
export const webSocketLane = { isOn: true, taken: 0 }

/** The same of the lane of WebSockets. */
export function watchWebSocketFastLane({
  createWebSocketFastLane,
}: typeof WebSocketFastLaneModule): typeof WebSocketFastLaneModule {
  return {
    createWebSocketFastLane: (dependencies) => {
      const fastLane = createWebSocketFastLane(dependencies)
      return (...args) => {
        if (!webSocketLane.isOn || !fastLane(...args)) return false
        webSocketLane.taken++
        return true
      }
    },
  }
}
