import type { ArgsDef, CommandContext, CommandDef } from 'citty'
import { runCommand } from './command-error.ts'
import { OptionError } from './options.ts'

/** A command, and its subcommands, that refuse options they do not have: citty itself passes over them. */
// biome-ignore lint/suspicious/noExplicitAny: citty's own type for a command of whatever arguments.
export function strictCommand(command: CommandDef<any>): CommandDef<any> {
  const subCommands = command.subCommands as Record<string, CommandDef> | undefined
  return {
    ...command,
    ...(subCommands && {
      subCommands: Object.fromEntries(Object.entries(subCommands).map(([name, sub]) => [name, strictCommand(sub)])),
    }),
    ...(command.run && {
      run: (context: CommandContext) =>
        runCommand(async () => {
          refuseUnknownOptions(context.rawArgs, (command.args ?? {}) as ArgsDef)
          await command.run?.(context)
        }),
    }),
  }
}

/** @throws OptionError naming the first option that is not among `args`, or a value that none of them takes */
export function refuseUnknownOptions(rawArgs: readonly string[], args: ArgsDef): void {
  const booleans = new Set<string>()
  const names = new Set<string>()
  let positionals = 0
  for (const [name, { type, ...rest }] of Object.entries(args)) {
    if (type === 'positional') {
      positionals += 1
      continue
    }
    const aliases = 'alias' in rest ? [rest.alias ?? []].flat() : []
    for (const option of [name, ...aliases]) {
      const written = option.length === 1 ? `-${option}` : `--${option}`
      names.add(written)
      if (type !== 'boolean') continue
      for (const flag of [written, `--no-${option}`]) booleans.add(flag)
    }
  }
  for (let index = 0; index < rawArgs.length; index++) {
    const argument = rawArgs[index] ?? ''
    if (positionals > 0 && !argument.startsWith('-')) {
      positionals -= 1
      continue
    }
    const [option = ''] = argument.split('=')
    if (!names.has(option) && !booleans.has(option)) {
      const known = [...names].filter((name) => name.startsWith('--')).join(', ')
      throw new OptionError(
        `${argument} is not an option of this command. ${known ? `It has ${known}.` : 'It has none: environment variables, such as PORT=4001, set what can be set.'}`,
      )
    }
    if (!argument.includes('=') && !booleans.has(option)) index++
  }
}
