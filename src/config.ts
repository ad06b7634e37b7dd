import { type CleanedEnv, customCleanEnv } from 'envalid'
import { redact } from './redact.ts'
import { IN_PRODUCTION, VARIABLES } from './variables.ts'

type Variables = typeof VARIABLES

/** Read from environment variables once, in the entry points. */
export type Config = { readonly [Name in keyof Variables as CamelCase<Name>]: CleanedEnv<Variables>[Name] }

/** Values that cannot be used; the message has a line for each, with the variable, the value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG_INVALID'
}

/**
 * Reads the configuration from environment variables; an empty variable counts as unset.
 * @throws ConfigError naming every variable with a value that is not allowed
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given: Readonly<Record<string, string | undefined>> = {
    ...(env.NODE_ENV === 'production' && IN_PRODUCTION),
    ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
  }
  return customCleanEnv(given, VARIABLES, toConfig, {
    reporter: ({ errors }) => {
      const lines = Object.entries(errors).map(([name, error]) => {
        const { isSecret } = VARIABLES[name as keyof Variables]
        return `${name}=${isSecret ? '***' : redact(given[name] ?? '')} cannot be used: ${error.message}`
      })
      if (lines.length > 0) throw new ConfigError(lines.join('\n'))
    },
  })
}

/** Every variable, for the documentation: name, default, what is allowed, meaning. */
export function describeConfig(): { name: string; default: string; allowed: string; description: string }[] {
  return Object.entries(VARIABLES).map(([name, { default: fallback, allowed, desc = '' }]) => ({
    name,
    default: String(fallback ?? ''),
    allowed,
    description: desc,
  }))
}

function toConfig(values: object): Config {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [toCamelCase(name), value])) as Config
}

function toCamelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_(\w)/g, (_match, letter: string) => letter.toUpperCase())
}

type CamelCase<Name extends string> = Name extends `${infer Word}_${infer Rest}`
  ? `${Lowercase<Word>}${Capitalize<CamelCase<Rest>>}`
  : Lowercase<Name>
