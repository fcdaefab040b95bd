// Gives property tests the seed that fuzzers take from TENFOLD_SEED, so that a red run can be
// repeated anywhere. Without it each run draws its own and looks further than the last.
import { configureGlobal } from 'fast-check'

const seed = process.env['TENFOLD_SEED']
if (seed !== undefined) configureGlobal({ seed: Number(seed) })
