import { settingsOf } from './supply-settings.ts'
import { DEFAULT_SUPPLY_SETTINGS, type SupplySettings } from './types.ts'

/** How supplies sell, by number: one object for all that sell alike, for as long as there is one. */
export interface SettingsTable {
  /** The number of the settings that are stored as this text, which one supply more has now. */
  hold(text: string): number
  /** One supply less has them. */
  release(number: number): void
  at(number: number): SupplySettings
}

/** The number of the defaults, which nobody needs to hold. */
export const NO_SETTINGS = 0

export function createSettingsTable(): SettingsTable {
  const numbers = new Map<string, number>()
  const held: Held[] = [{ text: '', settings: DEFAULT_SUPPLY_SETTINGS, holders: 1 }]
  const free: number[] = []

  return {
    hold(text) {
      let number = numbers.get(text)
      if (number === undefined) {
        number = free.pop() ?? held.length
        numbers.set(text, number)
        held[number] = { text, settings: settingsOf(JSON.parse(text)), holders: 0 }
      }
      ;(held[number] as Held).holders++
      return number
    },

    release(number) {
      if (number === NO_SETTINGS) return
      const known = held[number] as Held
      if (--known.holders > 0) return
      numbers.delete(known.text)
      held[number] = held[NO_SETTINGS] as Held
      free.push(number)
    },

    at: (number) => (held[number] as Held).settings,
  }
}

interface Held {
  readonly text: string
  readonly settings: SupplySettings
  holders: number
}
