import { describe, expect, it } from 'vitest'
import { refuseOpenAddress } from '../../src/access/open-address.ts'

describe('an address that is listened on', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', '::1'])('should be open where it is %s', (host) => {
    expect(() => refuseOpenAddress({ host, allowAnonymous: '0' })).not.toThrow()
  })

  it.each(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', 'localhost.example', '::ffff:10.0.0.1'])(
    'should not be open where it is %s, unless keys are asked for or somebody has said so',
    (host) => {
      expect(() => refuseOpenAddress({ host, allowAnonymous: '0' })).toThrow(`HOST ${host} can be reached`)
      expect(() => refuseOpenAddress({ host, allowAnonymous: '1' })).not.toThrow()
      expect(() => refuseOpenAddress({ host, allowAnonymous: '0', apiKeysFile: 'keys.json' })).not.toThrow()
    },
  )
})
