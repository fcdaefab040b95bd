// What no table in a book prints, against R 4.2.2: interval data, likelihood-ratio bounds, several
// failure modes and late entry. survival 3.5-3 gives the figures but the ratio bounds, which are
// the profile of the same likelihood written in R, by optimize and uniroot to 1e-13.
import { describe, it } from 'vitest'
import { ratioBounds } from '../../gateway/durability/bounds.ts'
import { cumulativeIncidence } from '../../gateway/durability/competing.ts'
import { fitLives } from '../../gateway/durability/fit.ts'
import { livesFrom, livesFromIntervals } from '../../gateway/durability/lives.ts'
import { survivalCurve } from '../../gateway/durability/survival.ts'
import { expectAbsolute, expectRelative } from './expect.ts'
import { shock, TEXTBOOK, textbook } from './textbook.ts'

const age = Float64Array.from(shock, (r) => r[0])
const mode = Uint8Array.from(shock, (r) => r[1])
const failed = shock.map((r) => r[1] > 0)

describe.skipIf(!TEXTBOOK)('turbine parts found cracked between inspections', () => {
  it.each([
    // survreg(Surv(lower, upper, type = "interval2") ~ 1, weights)
    ['weibull', { location: 7.68799906372, scale: 0.67350610119, value: -309.631180884 }],
    ['lognormal', { location: 7.44241840129, scale: 0.998999975438, value: -311.882254409 }],
  ] as const)('%s', (model, { location, scale, value }) => {
    const rows = textbook('cracks.csv').map((r) => [r[1], r[2]] as [number, number])
    const cracked = rows.reduce((n, r) => n + r[1], 0)
    const lives = livesFromIntervals({
      lower: [...rows.map((_, i) => rows[i - 1]?.[0] ?? 0), rows.at(-1)?.[0] as number],
      upper: [...rows.map((r) => r[0]), Number.POSITIVE_INFINITY],
      weight: [...rows.map((r) => r[1]), 167 - cracked],
    })
    const fit = fitLives(lives, model)
    expectRelative(fit.location, location, 1e-6)
    expectRelative(fit.scale, scale, 1e-6)
    expectRelative(fit.logLikelihood, value, 1e-9)
  })
})

describe('likelihood-ratio bounds at 90 % of the shock absorbers', () => {
  it.each([
    ['weibull', 'shape', [1 / 0.481079400135, 1 / 0.222832395775]],
    ['weibull', { life: 0.1 }, [10102.5267047, 16709.433813]],
    ['weibull', { life: 0.5 }, [21346.9780079, 30479.2550735]],
    ['weibull', 'scale', [23896.2795419, 35439.2606727]],
    ['lognormal', 'shape', [1 / 0.78604964749, 1 / 0.387015812713]],
    ['lognormal', { life: 0.1 }, [10012.3468927, 15696.4304654]],
    ['lognormal', { life: 0.5 }, [20828.0268356, 34582.9625149]],
  ] as const)('%s, %j', (model, quantity, [lower, upper]) => {
    const lives = livesFrom({ age, failed })
    const bounds = ratioBounds(lives, fitLives(lives, model), { quantity, confidence: 0.9 })
    expectRelative(bounds.lower, lower, 1e-6)
    expectRelative(bounds.upper, upper, 1e-6)
  })
})

describe('shock absorbers by mode', () => {
  // survfit(Surv(km, factor(mode)) ~ 1): km, incidence of modes 1 and 2, their errors.
  const rows = [
    [6700, 0.0263157894737, 0, 0.0259672205807, 0],
    [9120, 0.0263157894737, 0.0286377708978, 0.0259672205807, 0.0282238195591],
    [12200, 0.0626637294594, 0.0286377708978, 0.0435480048451, 0.0282238195591],
    [13150, 0.0626637294594, 0.0665002083829, 0.0435480048451, 0.0459638920682],
    [14300, 0.1062055325673, 0.0665002083829, 0.0594132556318, 0.0459638920682],
    [17520, 0.1497473356752, 0.0665002083829, 0.0706585543428, 0.0459638920682],
    [20100, 0.1497473356752, 0.1318129130448, 0.0706585543428, 0.0759596658212],
    [20900, 0.1497473356752, 0.2216178819548, 0.0706585543428, 0.1082063553276],
    [22700, 0.2395523045852, 0.2216178819548, 0.1054783659615, 0.1082063553276],
    [26510, 0.3473182672772, 0.2216178819548, 0.1332569758555, 0.1082063553276],
    [27490, 0.4910062175332, 0.2216178819548, 0.1580298552131, 0.1082063553276],
  ] as const

  it.each(rows)('incidence and error by %d km', (km, ...row) => {
    const [wear, chance, wearError, chanceError] = row
    const curve = cumulativeIncidence({ age, mode })
    const i = curve.age.indexOf(km)
    expectAbsolute(curve.incidence[0]?.[i] as number, wear, 1e-12)
    expectAbsolute(curve.incidence[1]?.[i] as number, chance, 1e-12)
    expectAbsolute(curve.error[0]?.[i] as number, wearError, 1e-12)
    expectAbsolute(curve.error[1]?.[i] as number, chanceError, 1e-12)
  })
})

describe('shock absorbers of which some came under observation late', () => {
  const late = new Map([
    [2, 5000], [4, 3000], [7, 8000], [10, 9000], [12, 10000], [15, 12000], [19, 15000],
    [25, 11000], [30, 20000], [35, 25000],
  ]) // biome-ignore format: row and entry side by side
  const entry = Float64Array.from(shock, (_, i) => late.get(i) ?? 0)
  // survfit(Surv(entry, km, failed) ~ 1): km, S, error of ln S (Greenwood), Nelson-Aalen.
  const rows = [
    [6700, 0.966666666667, 0.033903175181, 0.0333333333333],
    [9120, 0.932142857143, 0.049720987622, 0.0690476190476],
    [12200, 0.891614906832, 0.0666967854929, 0.1125258799172],
    [14300, 0.799206639177, 0.10249821542, 0.218968456948],
    [20100, 0.683813167211, 0.1525557728944, 0.3687010772689],
    [22700, 0.488437976579, 0.2835773633178, 0.6782248867927],
    [27490, 0.260500254175, 0.545053013617, 1.211558220126],
  ] as const

  it.each(rows)('survivors by %d km', (km, ...[survivor, error, hazard]) => {
    const curve = survivalCurve(livesFrom({ age, failed, entry }))
    const i = curve.age.indexOf(km)
    expectAbsolute(curve.survivor[i] as number, survivor, 1e-9)
    expectAbsolute((curve.error[i] as number) / survivor, error, 1e-8)
    expectAbsolute(curve.hazard[i] as number, hazard, 1e-9)
  })
})
