/**
 * Where the service is built. What is measured is that; modules of it are imported by this address, and have the types of
 * their sources, so that no build is needed to check them.
 */
export const DIST = new URL('../../dist/', import.meta.url).href
