import type { Creative, MediaType } from '../../bidders/types.ts'
import { builder } from '../builder.ts'
import { parts } from '../list-size.ts'

const MediaTypeType = builder.enumType('MediaType', {
  values: ['BANNER', 'VIDEO', 'AUDIO', 'NATIVE'] as const satisfies readonly MediaType[],
})

export const CreativeType = builder.objectRef<Creative>('Creative').implement({
  description: 'What is shown in an impression that was sold.',
  fields: (t) => ({
    markup: t.exposeString('markup', {
      description: 'HTML, VAST or native JSON, by the media type; the price paid stands where it asked for it.',
    }),
    creativeId: t.exposeID('creativeId', { nullable: true }),
    advertiserDomains: t.exposeStringList('advertiserDomains', { extensions: parts(ADVERTISERS_EXPECTED) }),
    width: t.exposeInt('width', { nullable: true, description: 'In device-independent pixels.' }),
    height: t.exposeInt('height', { nullable: true }),
    mediaType: t.expose('mediaType', { type: MediaTypeType }),
  }),
})

const ADVERTISERS_EXPECTED = 1
