// Loaded into a server before its own code (node --expose-gc --import): tells its memory when asked over IPC.
process.on('message', () => {
  globalThis.gc?.()
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
// The channel alone must not keep the server running.
process.channel?.unref()
