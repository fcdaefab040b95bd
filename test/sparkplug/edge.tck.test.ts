// The specification's statements about edge nodes, one test an id, and what each row of the sink's
// README says.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { edgeChecks } from './edge-ids.ts'
import { type EdgeWorld, liveOnce } from './edge-world.ts'
import { Stops } from './stand.ts'

const stops = new Stops()
const world: { now?: EdgeWorld } = {}
beforeAll(async () => {
  world.now = await liveOnce(stops)
})
afterAll(() => stops.all())

describe('tck-id', () => {
  for (const [ids, check] of edgeChecks) {
    for (const id of ids.split(' ')) test(id, () => check(world.now as EdgeWorld))
  }
})
