// Memory of a gateway per idle MQTT connection: its resident memory with none and with 10,000 that
// have connected, subscribed to their commands, and say nothing. The clients are in this process.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicOf } from '../../hardware-profiles/names.ts'
import { startGatewayProcess } from '../servers/gateway.ts'
import { machineLine } from './machine.ts'

const count = 10_000
const atOnce = 100

const residentBytes = (pid: number): number => {
  const [, kib = '0'] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

const packet = (type: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  if (body.length > 127) throw new Error('a longer packet than this needs')
  return Buffer.concat([Buffer.from([type, body.length]), body])
}

/** Resolves when the SUBACK has come. */
const idle = async (port: number, unit: string): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  const head = Buffer.concat([text('MQTT'), Buffer.from([4, 2, 0, 0])])
  const topic = topicOf({ machine: 'cordless_drill', unit, kind: 'command' })
  socket.write(packet(0x10, head, text(unit)))
  socket.write(packet(0x82, Buffer.from([0, 1]), text(topic), Buffer.from([1])))
  let bytes = 0
  // CONNACK has 4 bytes, SUBACK of one topic 5.
  while (bytes < 9) bytes += ((await once(socket, 'data')) as [Buffer])[0].length
  return socket
}

const data = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))
const gateway = await startGatewayProcess({ data, set: { 'mqtt.limits.connections': count } })
const pid = gateway.child.pid ?? 0
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 3000))
await settle()
const before = residentBytes(pid)
const sockets: Socket[] = []
const startMs = performance.now()
while (sockets.length < count) {
  const from = sockets.length
  const more = Array.from({ length: atOnce }, (_, i) => idle(gateway.mqttPort, `idle-${from + i}`))
  sockets.push(...(await Promise.all(more)))
}
const seconds = (performance.now() - startMs) / 1000
await settle()
const after = residentBytes(pid)
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
console.log(machineLine())
console.log(`gateway with no connection: ${mib(before)} MiB; with ${count} idle: ${mib(after)} MiB`)
console.log(`a connection: ${((after - before) / count / 1024).toFixed(1)} KiB of resident memory`)
console.log(`connected and subscribed in ${seconds.toFixed(1)} s`)
for (const socket of sockets) socket.destroy()
await gateway.kill()
rmSync(data, { recursive: true })
process.exit(0)
