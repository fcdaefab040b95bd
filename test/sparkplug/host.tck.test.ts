// The specification's statements about host applications, one test an id: our host over the wire of
// a real server, and what it makes of a node that is not ours.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hostChecks } from './host-ids.ts'
import { type HostLife, liveAsHost } from './host-world.ts'
import { Stops } from './stand.ts'

const stops = new Stops()
const world: { now?: HostLife } = {}
beforeAll(async () => {
  world.now = await liveAsHost(stops)
})
afterAll(() => stops.all())

describe('tck-id', () => {
  for (const [ids, check] of hostChecks) {
    for (const id of ids.split(' ')) test(id, () => check(world.now as HostLife))
  }
})
