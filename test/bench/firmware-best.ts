// The firmware's figures at their best: what `npm run bench:firmware` holds them to. When one gets
// better, write it down here; when one gets worse for a good reason, say the reason in the commit.

/** A figure may be so much above its best: what a rebuilt compiler may move by itself. */
export const slack = 1.02

/** Ratios to C by hand, shares in %, cycles, bytes, ms. */
export const best = {
  'drill rp2040-pico': 0.69,
  'drill stm32f405': 0.947,
  'drill microbit': 0.694,
  'float rp2040-pico': 0.955,
  'float stm32f405': 1.124,
  'float microbit': 0.967,
  'filter rp2040-pico': 1.228,
  'filter stm32f405': 1.168,
  'share 10000': 15.7,
  'share 20000': 30.6,
  'longest 10000': 3319,
  'longest 20000': 3330,
  'whole flash': 40_140,
  'whole ram': 11_056,
  'small flash': 25_328,
  'small ram': 9240,
  'earth_block_press flash': 36_764,
  'earth_block_press loop': 534,
  'hot_end flash': 34_988,
  'hot_end loop': 1585,
  'sign ms': 126.1,
} as const

export type Figure = keyof typeof best
