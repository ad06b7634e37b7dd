import fc from 'fast-check'

/**
 * fast-check that draws the same in each run, so that a test fails for what was changed and not now and then;
 * FAST_CHECK_SEED has it draw others.
 */
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) })

export { default } from 'fast-check'
