import { toMicros, toUnits } from '../money.ts'
import { DEFAULT_SUPPLY_SETTINGS, type SupplySettings } from './types.ts'

/** As the data file and the column `settings` have it: the floor in units, and what is as by default is left out. */
export type StoredSettings = {
  readonly [name in Exclude<keyof SupplySettings, 'floorMicros'>]?: NonNullable<SupplySettings[name]>
} & { readonly floor?: number }

export function settingsOf(stored: StoredSettings): SupplySettings {
  return {
    floorMicros: toMicros(stored.floor ?? 0),
    auctionType: stored.auctionType ?? DEFAULT_SUPPLY_SETTINGS.auctionType,
    impression: stored.impression ?? null,
    site: stored.site ?? null,
    app: stored.app ?? null,
    blockedCategories: stored.blockedCategories ?? [],
    blockedAdvertisers: stored.blockedAdvertisers ?? [],
  }
}

/** Undefined where all is as by default. */
export function storedSettings(settings: SupplySettings): StoredSettings | undefined {
  const { floorMicros, auctionType, impression, site, app, blockedCategories, blockedAdvertisers } = settings
  const stored = {
    ...(floorMicros > 0 && { floor: toUnits(floorMicros) }),
    ...(auctionType !== DEFAULT_SUPPLY_SETTINGS.auctionType && { auctionType }),
    ...(impression !== null && { impression }),
    ...(site !== null && { site }),
    ...(app !== null && { app }),
    ...(blockedCategories.length > 0 && { blockedCategories }),
    ...(blockedAdvertisers.length > 0 && { blockedAdvertisers }),
  }
  return Object.keys(stored).length > 0 ? stored : undefined
}

/** What the column has; undefined where all is as by default. */
export function settingsText(settings: SupplySettings | undefined): string | undefined {
  return settings && JSON.stringify(storedSettings(settings))
}
