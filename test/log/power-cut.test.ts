// Power cuts at and inside every file operation: nothing acknowledged is lost, nothing else
// appears, nobody has to help. And the proof that the test would notice: without any one of the
// syncs it fails.
import { expect, test } from 'vitest'
import type { SyncSite } from '../../gateway/log/log.ts'
import { checkStart, disksAfter, live } from './power-cut.ts'
import { freshSeed, Random } from './random.ts'

const seed = freshSeed()

/** The first fault that any cut of these lives leads to, or undefined. */
const firstFault = async (
  random: Random,
  options: { mixtures: number; site?: SyncSite },
): Promise<{ fault: string | undefined; starts: number }> => {
  const moments = [...(await live(random, options.site)).entries()]
  let starts = 0
  // In any order: most of the syncs that are missing show at once.
  while (moments.length > 0) {
    const [[index, moment] = random.pick(moments)] = moments.splice(random.below(moments.length), 1)
    for (const { name, disk } of disksAfter(moment, random, options.mixtures)) {
      const where = `moment ${index} (${moment.during}), ${name}`
      starts += 1
      try {
        const [fault] = await checkStart({ ...moment, disk }, random, options.site)
        if (fault !== undefined) return { fault: `${where}: ${fault}`, starts }
      } catch (error) {
        return { fault: `${where}: a start needs a person: ${error}`, starts }
      }
    }
  }
  return { fault: undefined, starts }
}

test(`a power cut at any moment loses nothing that was acknowledged (seed ${seed})`, async () => {
  const { fault, starts } = await firstFault(new Random(seed), { mixtures: 2 })
  console.log(`power cut: seed ${seed}, ${starts} starts`)
  expect(fault).toBeUndefined()
})

const sites: SyncSite[] = [
  'folder',
  'entries',
  'recover',
  'segment',
  'commit',
  'seal',
  'mark',
  'compact',
  'removed',
]

test.each(sites)(
  `without the sync at "%s" a power cut loses something (seed ${seed})`,
  async (site) => {
    const random = new Random(seed)
    for (let round = 0; round < 20; round += 1) {
      const { fault } = await firstFault(random, { mixtures: 2, site })
      if (fault !== undefined) {
        console.log(`without "${site}": ${fault}`)
        return
      }
    }
    expect.fail(`the sync at "${site}" could be removed and nobody would notice`)
  },
)
