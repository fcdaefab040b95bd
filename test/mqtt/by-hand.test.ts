// The README's lines for publishing a sample by hand, run as they stand there with Debian's
// mosquitto_pub against a real gateway: what a person tries first must work.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { startGatewayProcess } from '../servers/gateway.ts'
import { isInstalled } from '../servers/installed.ts'
import { read } from '../tree.ts'

const installed = (): boolean => isInstalled('mosquitto_pub', 'mosquitto-clients')

const lines = read('README.md')
  .split('\n')
  .filter((line) => line.startsWith('mosquitto_pub '))

test.runIf(installed())('the samples of the README arrive', async () => {
  expect(lines.length).toBeGreaterThanOrEqual(2)
  const data = mkdtempSync(join(tmpdir(), 'tenfold-hand-'))
  const gateway = await startGatewayProcess({ data })
  try {
    for (const line of lines) {
      const command = line.replace('-p 1883', `-p ${gateway.mqttPort}`)
      expect(command).not.toBe(line)
      execFileSync('sh', ['-c', command])
    }
    const ask = async (): Promise<UnitSummary | undefined> => {
      const reply = await fetch(new URL('/api/units', gateway.pageUrl))
      return ((await reply.json()) as { units: UnitSummary[] }).units[0]
    }
    let unit = await ask()
    while ((unit?.readings ?? 0) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      unit = await ask()
    }
    expect(unit).toMatchObject({ unit: 'my-drill', readings: 1, quarantined: 0 })
    expect(unit?.values['motor_current']).toEqual({ value: 12.5, quality: 'good' })
  } finally {
    await gateway.stop()
    rmSync(data, { recursive: true, force: true })
  }
})
