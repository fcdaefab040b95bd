// The firmware's figures at their best: what `npm run bench:firmware` holds them to. When one gets
// better, write it down here; when one gets worse for a good reason, say the reason in the commit.

/** A figure may be so much above its best: what a rebuilt compiler may move by itself. */
export const slack = 1.02

/** Ratios to C by hand, shares in %, cycles, bytes, ms. */
export const best = {
  'drill rp2040-pico': 0.955,
  'drill stm32f405': 0.951,
  'drill microbit': 0.998,
  'float rp2040-pico': 0.958,
  'float stm32f405': 1.124,
  'float microbit': 0.968,
  'filter rp2040-pico': 1.231,
  'filter stm32f405': 1.168,
  'share 10000': 16.6,
  'share 20000': 32.0,
  'longest 10000': 3277,
  'longest 20000': 3269,
  'whole flash': 42_180,
  'whole ram': 10_800,
  'small flash': 27_744,
  'small ram': 8984,
  'earth_block_press flash': 37_348,
  'earth_block_press loop': 553,
  'hot_end flash': 35_804,
  'hot_end loop': 2267,
  'sign ms': 126.1,
} as const

export type Figure = keyof typeof best
