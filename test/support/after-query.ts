import type { PrismaClient } from '../../src/generated/prisma/client.ts'

/** A client on the same connections that does something else after each query of a model, before its answer is seen. */
export function afterQuery(prisma: PrismaClient, model: string, work: () => Promise<void>): PrismaClient {
  const extended = prisma.$extends({
    query: {
      $allModels: {
        async $allOperations({ model: queried, args, query }) {
          const result = await query(args)
          if (queried === model) await work()
          return result
        },
      },
    },
  })
  // It lacks $on alone, which nothing here uses.
  return extended as unknown as PrismaClient
}
