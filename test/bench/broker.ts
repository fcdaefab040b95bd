// Acknowledged QoS 1 messages per second: the gateway, whose PUBACK waits for an fsync, beside bare
// aedes, which waits for nothing. Both in processes of their own, the load in a third; five rounds,
// the ratio is taken within each round, so that a machine that gets slower does not change it. All
// sinks are on: three busy processes and a database share the machine's cores with the broker.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGatewayProcess } from '../servers/gateway.ts'
import { startInfluxd } from '../servers/influxd.ts'
import { machineLine, median } from './machine.ts'

const here = import.meta.dirname
const rounds = 5

interface Load {
  perSecond: number
  acknowledged: number
}

const node = (script: string, args: string[]): ReturnType<typeof spawn> =>
  spawn(process.execPath, [join(here, script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })

const firstLine = (child: ReturnType<typeof spawn>): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.split('\n')[0] ?? '')
    })
  })

const load = async (port: number): Promise<Load> =>
  JSON.parse(await firstLine(node('load.ts', ['--port', String(port)]))) as Load

const bare = async (): Promise<Load> => {
  const child = node('bare.ts', [])
  const { port } = JSON.parse(await firstLine(child)) as { port: number }
  const result = await load(port)
  child.kill('SIGKILL')
  return result
}

const influx = await startInfluxd()
const sinks = influx === undefined ? {} : { 'sinks.influx1.url': influx.url }

const gated = async (): Promise<Load> => {
  const data = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))
  const gateway = await startGatewayProcess({ data, set: sinks })
  const result = await load(gateway.mqttPort)
  await gateway.kill()
  rmSync(data, { recursive: true })
  return result
}

console.log(machineLine())
console.log('QoS 1, 50 clients, 50 in flight each, 100 bytes of JSON; acknowledged per second')
console.log(`sinks: embedded store${influx === undefined ? '' : ', InfluxDB 1.x on this machine'}`)
const ratios: number[] = []
for (let round = 1; round <= rounds; round += 1) {
  const without = (await bare()).perSecond
  const withLog = (await gated()).perSecond
  ratios.push(withLog / without)
  const [a, b] = [without, withLog].map((n) => Math.round(n).toLocaleString('en'))
  console.log(`round ${round}: bare ${a}, gateway ${b}, ratio ${(withLog / without).toFixed(3)}`)
}
console.log(`median ratio ${median(ratios).toFixed(3)} (goal 0.9)`)
await influx?.remove()
