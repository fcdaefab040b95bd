// The firmware's figures at their best: what `npm run bench:firmware` holds them to. When one gets
// better, write it down here; when one gets worse for a good reason, say the reason in the commit.

/** A figure may be so much above its best: what a rebuilt compiler may move by itself. */
export const slack = 1.02

/** Ratios to C by hand, shares in %, cycles, bytes, ms. */
export const best = {
  'drill rp2040-pico': 0.69,
  'drill stm32f405': 0.94,
  'drill microbit': 0.694,
  'float rp2040-pico': 0.955,
  'float stm32f405': 1.149,
  'float microbit': 0.967,
  'filter rp2040-pico': 1.228,
  'filter stm32f405': 1.161,
  'share 10000': 15.6,
  'share 20000': 30.5,
  'longest 10000': 3319,
  'longest 20000': 3330,
  'whole flash': 39_380,
  'whole ram': 10_648,
  'small flash': 24_844,
  'small ram': 7688,
  'earth_block_press flash': 36_284,
  'earth_block_press loop': 544,
  'hot_end flash': 34_404,
  'hot_end loop': 1606,
  'sign ms': 126.1,
} as const

export type Figure = keyof typeof best
