import type * as FastLaneModule from '../../src/server/fast-lane.ts'

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
