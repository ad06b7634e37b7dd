import { createNoticeStore } from './notice-store.ts'
import { createNoticeSending } from './send.ts'
import { createNoticeSender, type NoticeSender, type NoticeSenderOptions } from './sender.ts'

export interface OpenNoticeSenderOptions extends Pick<NoticeSenderOptions, 'onProgress' | 'onGivenUp'> {
  readonly connectionString: string
  readonly embedded: boolean
  /** Whether addresses may be called that are not of the public internet. */
  readonly allowPrivate: boolean
}

/** A sender with connections of its own. */
export function openNoticeSender(options: OpenNoticeSenderOptions): NoticeSender {
  const { connectionString, embedded, allowPrivate, onProgress, onGivenUp } = options
  const sending = createNoticeSending({ allowPrivate })
  const store = createNoticeStore({ connectionString, embedded })
  const sender = createNoticeSender({ store, sending, now: Date.now, onProgress, onGivenUp })
  return {
    async dispose() {
      await sender.dispose()
      await sending.dispose()
    },
  }
}
