import { canMount, hasChromium, hasNginx, hasPostgres, hasPrometheus, hasRedis, nginxFollowsNames } from './services.ts'

const SERVICES = [
  {
    name: 'redis-server',
    there: hasRedis,
    tests: 'limits, statistics and live updates in Redis; many instances',
    package: 'redis-server',
  },
  { name: 'PostgreSQL', there: hasPostgres, tests: 'the database on a server; many instances', package: 'postgresql' },
  { name: 'nginx', there: hasNginx, tests: 'instances behind a load balancer', package: 'nginx-light' },
  { name: 'Prometheus', there: hasPrometheus, tests: 'metrics, as Prometheus reads them', package: 'prometheus' },
  { name: 'Chromium', there: hasChromium, tests: 'GraphiQL in a browser', package: 'chromium' },
]

/**
 * A vitest global setup: says at the end which tests were left out because of what is not installed, and how to have
 * them. Where TEST_REQUIRE_SERVICES is set, nothing that could be installed may be left out.
 */
export default function leftOut(): () => void {
  const missing = SERVICES.filter(({ there }) => !there)
  const lines = missing.map(({ name, tests }) => `  ${name} is not installed: left out the tests of ${tests}`)
  const remedy = `  to have them, on Debian: apt-get install ${missing.map((service) => service.package).join(' ')}`
  if (missing.length > 0 && process.env.TEST_REQUIRE_SERVICES) throw new Error([...lines, remedy].join('\n'))
  const impossible = [
    ...(canMount ? [] : ['  mounting a tmpfs is not permitted, as it is to root: left out the tests of a full disk']),
    ...(nginxFollowsNames || !hasNginx
      ? []
      : ['  nginx is older than 1.27.3: left out the test of instances whose addresses change']),
  ]
  return () => {
    if (missing.length > 0) console.warn(['', 'Tests left out', ...lines, remedy, ''].join('\n'))
    if (impossible.length > 0) console.warn(['', 'Tests left out', ...impossible, ''].join('\n'))
  }
}
