export type ArchiveErrorCode =
  | 'ARCHIVE_DIR_UNSET'
  | 'ARCHIVE_DIR_UNUSABLE'
  | 'ARCHIVE_RETENTION_INVALID'
  | 'ARCHIVE_FILE_DAMAGED'
  | 'ARCHIVE_NOT_VERIFIED'
  | 'ARCHIVE_BUSY'

/** An archive that cannot be written or read as asked; the message is one line that says what to do about it. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
  readonly code: ArchiveErrorCode

  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
