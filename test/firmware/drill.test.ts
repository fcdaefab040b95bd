// The loop against the plant's motor and pack: current limit, clutch, stall, brake, reversal,
// two-step temperature and voltage, sensors. Bounds are those that the loop's README states.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Build } from '../../firmware/build.ts'
import { buildDrill, constant, createStand, type Stand } from './stand.ts'

const locked = 1000
const rpm = (stand: Stand): number => (Math.abs(stand.motor.speed) * 30) / Math.PI
const isFault = (stand: Stand) => (): boolean => stand.named('state') === 'fault'

describe('the drill on the stand', () => {
  let build: Build
  beforeAll(async () => {
    build = await buildDrill()
  })
  const running = (hand: Partial<Stand['hand']> = {}, charge = 0.8): Stand => {
    const stand = createStand(build, { charge })
    Object.assign(stand.hand, { trigger: 100, ...hand })
    stand.run(0.8)
    return stand
  }

  test('the trigger drives the motor, softly, and its release brakes it', () => {
    const stand = createStand(build)
    stand.hand.trigger = 100
    let last = 0
    stand.run(constant('soft_start'), () => {
      const duty = stand.get('duty')
      expect(duty - last).toBeLessThan(0.1)
      last = duty
      return false
    })
    expect(last).toBeGreaterThan(95)
    stand.run(0.5)
    expect(rpm(stand)).toBeGreaterThan(15_000)
    stand.hand.trigger = 0
    let least = 0
    stand.run(0.4, () => {
      least = Math.min(least, stand.motor.current)
      return false
    })
    expect(rpm(stand)).toBe(0)
    expect(stand.named('state')).toBe('idle')
    expect(least).toBeGreaterThan(-constant('brake_current') * 1.1)
  })

  test('speed without a sensor is within 3 % of the truth, torque within 10 %', () => {
    const stand = running({ loadNm: 5 })
    expect(stand.get('motor_speed') / rpm(stand)).toBeGreaterThan(0.97)
    expect(stand.get('motor_speed') / rpm(stand)).toBeLessThan(1.03)
    expect(stand.get('torque') / 5).toBeGreaterThan(0.9)
    expect(stand.get('torque') / 5).toBeLessThan(1.1)
  })

  describe('current limit', () => {
    const limit = constant('current_limit')
    const peakOf = (stand: Stand, seconds: number): number => {
      let peak = 0
      stand.run(seconds, () => {
        peak = Math.max(peak, stand.motor.current)
        return false
      })
      return peak
    }

    test('a blocked start reaches the limit and passes it by at most 2 %', () => {
      const stand = createStand(build)
      Object.assign(stand.hand, { trigger: 100, loadNm: locked })
      expect(peakOf(stand, 0.25)).toBeLessThan(limit * 1.02)
      expect(stand.motor.current).toBeGreaterThan(limit * 0.98)
    })

    test('a rotor locked at full speed passes it by at most 45 %, for less than 8 ms', () => {
      const stand = running()
      stand.hand.loadNm = locked
      let above = 0
      let peak = 0
      stand.run(0.25, () => {
        peak = Math.max(peak, stand.motor.current)
        if (stand.motor.current > limit * 1.02) above += 0.0001
        return false
      })
      expect(peak).toBeLessThan(limit * 1.45)
      expect(above).toBeLessThan(0.008)
      expect(stand.motor.current).toBeGreaterThan(limit * 0.98)
    })

    test('does not wind up: released and pulled again at the limit, it is no higher', () => {
      const stand = createStand(build)
      Object.assign(stand.hand, { trigger: 100, loadNm: locked })
      stand.run(0.25)
      stand.hand.loadNm = 0
      stand.run(0.02)
      stand.hand.loadNm = locked
      expect(peakOf(stand, 0.1)).toBeLessThan(limit * 1.1)
    })
  })

  describe('clutch', () => {
    const tripAt = (setting: number, nmPerS: number): number => {
      const stand = createStand(build)
      Object.assign(stand.hand, { trigger: 100, clutch: setting })
      stand.run(0.5)
      stand.run(3, (atS) => {
        stand.hand.loadNm = atS * nmPerS
        return isFault(stand)()
      })
      expect(stand.named('fault')).toBe('clutch')
      return stand.hand.loadNm
    }

    test.each([2, 4, 6, 9])('lets go within 10 % of %d N.m where torque rises as in wood', (nm) => {
      expect(Math.abs(tripAt(nm, 5) / nm - 1)).toBeLessThan(0.1)
      expect(Math.abs(tripAt(nm, 20) / nm - 1)).toBeLessThan(0.1)
    })

    test('is late by at most 0.8 N.m where torque rises as on steel', () => {
      expect(tripAt(4, 60)).toBeLessThan(4.8)
    })

    test.each([0.5, 1, 2])('does not let go while the rotor accelerates, set to %d N.m', (nm) => {
      const stand = createStand(build)
      Object.assign(stand.hand, { trigger: 100, clutch: nm })
      stand.run(1, isFault(stand))
      expect(stand.named('state')).toBe('run')
    })

    test('counts its trips, stays off until released, and 0 switches it off', () => {
      const stand = running({ clutch: 3 })
      stand.hand.loadNm = 8
      stand.run(0.5)
      expect(stand.named('fault')).toBe('clutch')
      expect(stand.get('clutch_trips')).toBe(1)
      Object.assign(stand.hand, { trigger: 0, clutch: 0 })
      stand.run(0.5)
      expect(stand.named('state')).toBe('idle')
      stand.hand.trigger = 100
      stand.run(0.8)
      expect(stand.named('state')).toBe('run')
    })
  })

  test('a stall is cut off in stall_time, and 50 ms to notice it', () => {
    const stand = running()
    stand.hand.loadNm = locked
    const atS = stand.run(2, isFault(stand))
    expect(stand.named('fault')).toBe('stall')
    expect(atS).toBeGreaterThan(constant('stall_time'))
    expect(atS).toBeLessThan(constant('stall_time') + 0.05)
    stand.run(0.05)
    expect(stand.get('duty')).toBe(0)
    expect(stand.get('stalls')).toBe(1)
  })

  test('reversal at speed stops the motor, and starts only slow and released', () => {
    const stand = running()
    stand.hand.direction = 1
    stand.run(0.001)
    expect([stand.named('state'), stand.named('fault')]).toEqual(['fault', 'reversal'])
    expect(stand.get('duty')).toBe(0)
    stand.hand.trigger = 0
    stand.run(0.04)
    stand.hand.trigger = 100
    stand.run(0.01)
    expect(stand.named('fault')).toBe('reversal')
    expect(stand.get('bridge')).toBe(0)
    stand.hand.trigger = 0
    stand.run(0.5)
    stand.hand.trigger = 100
    stand.run(0.5, () => stand.get('bridge') === 1)
    expect(rpm(stand)).toBeLessThan(constant('reversal_speed'))
    stand.run(0.8)
    expect(stand.motor.speed).toBeLessThan(-1500)
    expect(stand.named('state')).toBe('run')
  })

  test('starting again while it brakes in the same direction is allowed', () => {
    const stand = running()
    stand.hand.trigger = 0
    stand.run(0.08)
    expect(stand.named('state')).toBe('brake')
    stand.hand.trigger = 100
    stand.run(0.5)
    expect(stand.named('state')).toBe('run')
    expect(rpm(stand)).toBeGreaterThan(15_000)
  })

  test('a hot winding folds the current back, then stops the motor', () => {
    const stand = running({ loadNm: 3 })
    const rise = stand.get('winding_temperature') - stand.motor.can
    stand.motor.can = (constant('winding_fold') + constant('winding_stop')) / 2 - rise
    stand.run(0.05)
    const limit = constant('current_limit')
    expect(stand.get('current_limit')).toBeLessThan(limit * 0.7)
    expect(stand.get('current_limit')).toBeGreaterThan((limit * constant('fold_floor')) / 100)
    expect(stand.named('state')).toBe('run')
    stand.motor.can = constant('winding_stop')
    stand.run(0.05)
    expect(stand.named('fault')).toBe('over_temperature')
    stand.hand.trigger = 0
    stand.run(0.5)
    stand.hand.trigger = 100
    stand.run(0.1)
    expect(stand.named('fault')).toBe('over_temperature')
  })

  test('a hot pack does the same', () => {
    const stand = running({ loadNm: 3 })
    stand.pack.temperature = (constant('pack_fold') + constant('pack_stop')) / 2
    stand.run(0.05)
    expect(stand.get('current_limit')).toBeLessThan(constant('current_limit') * 0.7)
    stand.override.set('pack_temperature', constant('pack_stop') + 0.1)
    stand.run(0.05)
    expect(stand.named('fault')).toBe('over_temperature')
  })

  test('an empty pack folds the current back without swinging, then stops the motor', () => {
    const stand = running({ loadNm: 9 }, 0.06)
    let [low, high] = [Number.POSITIVE_INFINITY, 0]
    stand.run(0.3, () => {
      low = Math.min(low, stand.motor.current)
      high = Math.max(high, stand.motor.current)
      return false
    })
    expect(stand.named('limited_by')).toBe('voltage')
    expect(high).toBeLessThan(constant('current_limit') * 0.9)
    expect(high - low).toBeLessThan(3)
    stand.override.set('pack_voltage', constant('voltage_stop') - 0.2)
    const atS = stand.run(1, isFault(stand))
    expect(stand.named('fault')).toBe('under_voltage')
    expect(atS).toBeLessThan(constant('voltage_stop_time') + 0.05)
  })

  test('a load above the continuous current uses up the I2t reserve and folds back to it', () => {
    const stand = running({ loadNm: 11.5 })
    expect(stand.motor.current).toBeGreaterThan(constant('continuous_current') * 1.3)
    stand.run(60, () => stand.named('limited_by') === 'overload')
    stand.run(20, isFault(stand))
    expect(stand.named('limited_by') === 'overload' || stand.named('fault') === 'stall').toBe(true)
    expect(stand.get('overload')).toBeGreaterThan(75)
    expect(stand.get('overload')).toBeLessThanOrEqual(100)
  })

  test('a current that the limit cannot hold down ends with the I2t reserve', async () => {
    const stand = createStand(await buildDrill({ stall_time: 3 }))
    stand.hand.trigger = 100
    stand.run(0.8)
    const current = constant('continuous_current') * 1.6
    stand.override.set('motor_current', current)
    const atS = stand.run(60, isFault(stand))
    expect(stand.named('fault')).toBe('overload')
    const usedPerS = current ** 2 - constant('continuous_current') ** 2
    expect(atS / (constant('overload_reserve') / usedPerS)).toBeGreaterThan(0.98)
    expect(atS / (constant('overload_reserve') / usedPerS)).toBeLessThan(1.01)
  })

  test.each([
    ['motor_temperature', -41],
    ['pack_temperature', -41],
    ['motor_current', 201],
    ['pack_voltage', 41],
    ['trigger', 106],
  ])('an implausible %s stops the motor within sensor_time', (name, value) => {
    const stand = running()
    stand.override.set(name, value)
    const atS = stand.run(0.1, isFault(stand))
    expect(stand.named('fault')).toBe('sensor')
    expect(atS).toBeLessThan(constant('sensor_time') + 0.0005)
    expect([stand.get('duty'), stand.get('brake')]).toEqual([0, 0])
    // Fixed and released, it still waits until the rotor must have stopped.
    stand.override.clear()
    stand.hand.trigger = 0
    stand.run(constant('release_time') + 0.05)
    expect(stand.named('state')).toBe('wait_release')
    stand.run(constant('coast_time') * 1.3)
    expect(stand.named('state')).toBe('idle')
  })

  test('one wild sample is not a broken sensor', () => {
    const stand = running()
    stand.override.set('motor_current', 500)
    stand.run(0.0005)
    stand.override.clear()
    stand.run(0.1)
    expect(stand.named('state')).toBe('run')
  })

  test('stop at full speed leaves the motor off until the trigger was released', () => {
    const stand = running()
    stand.rig.board.stop()
    expect([stand.get('duty'), stand.get('brake')]).toEqual([0, 0])
    stand.run(3)
    expect(stand.named('state')).toBe('wait_release')
    expect(stand.get('duty')).toBe(0)
    stand.hand.trigger = 0
    stand.run(0.1)
    stand.hand.trigger = 100
    stand.run(0.1)
    expect(stand.named('state')).toBe('run')
  })

  test('counts starts, run time and turns', () => {
    const stand = createStand(build)
    for (let i = 0; i < 3; i += 1) {
      stand.hand.trigger = 50
      stand.run(0.5)
      stand.hand.trigger = 0
      stand.run(0.5)
    }
    expect(stand.get('starts')).toBe(3)
    expect(stand.get('run_time')).toBeGreaterThan(1495)
    expect(stand.get('run_time')).toBeLessThanOrEqual(1501)
    expect(stand.get('revolutions')).toBeGreaterThan(100)
  })
})
