import type { ResultMediaType } from './json-response.ts'

/** Whether a request's body is JSON in UTF-8. */
export function isJsonContent(contentType: string | undefined): boolean {
  return contentType === 'application/json' || (contentType !== undefined && JSON_IN_UTF8.test(contentType))
}

/** Whether a body is one that a page's form can have: pages send those to other origins without asking. */
export function isForm(contentType: string | undefined): boolean {
  return contentType !== undefined && FORM.test(contentType)
}

/**
 * The media type that Yoga would give a single result for an Accept header; undefined where it would give another kind
 * of answer or none.
 */
export function resultMediaType(accept: string | undefined): ResultMediaType | undefined {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'application/json'
  let chosen: ResultMediaType | undefined
  for (const range of accept.replaceAll(/\s/g, '').toLowerCase().split(',').reverse()) {
    const [mediaType, ...parameters] = range.split(';')
    const charset = parameters.find((parameter) => parameter.includes('charset='))
    if (charset !== undefined && charset !== 'charset=utf-8') continue
    if (mediaType === '*/*' || mediaType === 'application/*' || mediaType === 'application/json') {
      chosen = 'application/json'
    } else if (mediaType === '*/json') {
      chosen = 'application/json'
    } else if (mediaType === 'application/graphql-response+json' || mediaType === '*/graphql-response+json') {
      chosen = 'application/graphql-response+json'
    }
  }
  return chosen
}

/** Whether an Accept header allows any media type that GraphQL can be answered in, a subscription's included. */
export function isAcceptable(accept: string | undefined): boolean {
  if (resultMediaType(accept)) return true
  return (accept ?? '').split(',').some((range) => STREAM.test(range))
}

const FORM = /^\s*(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)/i
const STREAM = /^\s*(text\/(event-stream|\*)|multipart\/(mixed|\*))\s*(;(?!.*charset=(?!utf-8))|$)/i
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset="?utf-?8"?\s*)?$/i
