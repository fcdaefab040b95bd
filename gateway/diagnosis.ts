// Why does no data arrive? Facts in, findings out, along the path of a reading: folder, gateway,
// broker, unit, readings, quarantine, order, sinks. Pure; who gathers the facts is `tenfold
// doctor`.
import { topicOf } from '../hardware-profiles/names.ts'
import { nearest } from '../hardware-profiles/validate.ts'
import type { Books } from './core/delivery.ts'
import { type DropReason, dropReasons } from './core/errors.ts'
import type { QuarantineRow, UnitSummary } from './core/queries.ts'
import { keyFindings } from './key-findings.ts'
import { groupsOf } from './quarantine-groups.ts'

export interface Finding {
  /** Station on the path of a reading. */
  station:
    | 'folder'
    | 'gateway'
    | 'broker'
    | 'store'
    | 'unit'
    | 'readings'
    | 'quarantine'
    | 'sinks'
    | 'serial'
    | 'sources'
  verdict: 'good' | 'note' | 'bad'
  text: string
  /** What to check or do; absent where all is well. */
  remedy?: string
}

/** Something that went wrong while a fact was gathered. */
export interface Trouble {
  message: string
  remedy: string
}

/** Books of a sink, with what only a running gateway can say of it. */
export type SinkFacts = Books & {
  lagUs?: number
  error?: Trouble | undefined
}

export interface UnitFacts {
  unit: string
  /** undefined where it has not said hello. */
  summary: UnitSummary | undefined
  /** Other things remembered of it. */
  remembered: { profile: string | null; otherKey: string | null; late: number } | undefined
  /** Digest of the profile that this gateway has of its machine, and how often it reports. */
  profile: { digest: string; reportHz: number } | undefined
  /** Newest first. */
  quarantine: readonly QuarantineRow[]
  knownUnits: readonly string[]
}

export interface Facts {
  nowUs: number
  folder: {
    path: string
    exists: boolean
    /** Why it cannot be written; undefined where it can. */
    unwritable: string | undefined
    freeBytes: number | undefined
    reserveBytes: number
    /** Another folder that has data, where this one has none. */
    other: string | undefined
  }
  gateway: {
    /** Process that holds the folder. */
    holder: string | undefined
    /** What it says at /ready; undefined where nothing answers there. */
    notReady: readonly string[] | undefined
    url: string
  }
  /** undefined where the port is not known beforehand. */
  broker: { address: string; unreachable: string | undefined } | undefined
  store: Trouble | undefined
  unit: UnitFacts | undefined
  /** Newest first, of any unit; none where one unit is asked for, which has its own. */
  quarantine: readonly QuarantineRow[]
  sinks: readonly SinkFacts[]
  /** Whether the books come from the running gateway, and so know what is waiting. */
  sinksLive: boolean
  /** Names of the sinks in the config. */
  configuredSinks: readonly string[]
}

/** What is well, what is worth knowing and what is wrong, in the order of the path. */
export const diagnose = (facts: Facts): Finding[] => [
  ...folder(facts),
  ...gateway(facts),
  ...broker(facts),
  ...(facts.store === undefined ? [] : [bad('store', facts.store.message, facts.store.remedy)]),
  ...(facts.unit === undefined || facts.store !== undefined ? [] : unit(facts, facts.unit)),
  ...asides(facts),
  ...sinks(facts),
]

const good = (station: Finding['station'], text: string): Finding => ({
  station,
  verdict: 'good',
  text,
})
const note = (station: Finding['station'], text: string, remedy: string): Finding => ({
  station,
  verdict: 'note',
  text,
  remedy,
})
const bad = (station: Finding['station'], text: string, remedy: string): Finding => ({
  station,
  verdict: 'bad',
  text,
  remedy,
})

const folder = ({ folder }: Facts): Finding[] => {
  const { path, exists, unwritable, freeBytes, reserveBytes, other } = folder
  if (!exists) {
    const elsewhere = other === undefined ? '' : `; there is data in ${other}: --data ${other}`
    return [
      bad(
        'folder',
        `there is no data folder ${path}: no gateway has ever run with it`,
        `Start "tenfold gateway", or name the folder of the one that runs${elsewhere}.`,
      ),
    ]
  }
  if (unwritable !== undefined) {
    return [
      bad(
        'folder',
        `${path} cannot be written: ${unwritable}`,
        'Check its owner and rights, and that its disk is not mounted read-only.',
      ),
    ]
  }
  if (freeBytes !== undefined && freeBytes < reserveBytes) {
    return [
      bad(
        'folder',
        `the disk of ${path} has ${mebi(freeBytes)} left, less than log.reserveBytes asks for`,
        'Make room: once the disk is full nothing is acknowledged any more.',
      ),
    ]
  }
  const room = freeBytes === undefined ? '' : `, ${mebi(freeBytes)} free`
  return [good('folder', `${path}${room}`)]
}

const gateway = ({ gateway: { holder, notReady, url }, folder }: Facts): Finding[] => {
  if (holder === undefined) {
    if (!folder.exists) return []
    return [
      bad(
        'gateway',
        'no gateway runs on this folder',
        'Start one: "tenfold gateway" (or the demo).',
      ),
    ]
  }
  const running = `runs as process ${holder}`
  if (notReady === undefined) {
    return [
      note(
        'gateway',
        `${running}, but nothing answers at ${url}`,
        'It was perhaps started with other settings: give the same --config and --set here.',
      ),
    ]
  }
  if (notReady.length === 0) return [good('gateway', `${running}, ready`)]
  return notReady.map((reason) =>
    bad('gateway', `${running}, but takes no data: ${reason}`, 'Mend that, then start it again.'),
  )
}

const broker = ({ broker, gateway }: Facts): Finding[] => {
  if (broker === undefined) return []
  const { address, unreachable } = broker
  if (unreachable === undefined) return [good('broker', `answers at ${address}`)]
  const remedy =
    gateway.holder === undefined
      ? 'It runs with the gateway: start that.'
      : 'The gateway was perhaps started with another mqtt.port: give the same settings here.'
  return [bad('broker', `nothing answers at ${address}: ${unreachable}`, remedy)]
}

const unit = (facts: Facts, unit: UnitFacts): Finding[] => {
  const { summary } = unit
  if (summary === undefined) return [...unheardOf(unit), ...quarantine(facts, unit)]
  const aside = quarantine(facts, unit)
  // What came last and was kept aside is why the newest reading is old: that is looked at first.
  return [
    ...identity(unit, summary),
    ...aside.filter(({ verdict }) => verdict === 'bad'),
    readings(facts, unit, summary),
    ...aside.filter(({ verdict }) => verdict !== 'bad'),
    ...order(unit, summary),
  ]
}

const unheardOf = ({ unit, quarantine, knownUnits }: UnitFacts): Finding[] => {
  const hello = topicOf({ machine: '<machine>', unit, kind: 'hello' })
  if (quarantine.length > 0) {
    const isSilent = quarantine.every(({ reason }) => reason === 'unit_unknown')
    const why = isSilent ? `${unit} has not said hello` : `${unit} is not known`
    const remedy = isSilent
      ? `Let it publish its hello first, to ${hello}.`
      : 'See quarantine below.'
    return [bad('unit', `${why}; messages of it have arrived, and were kept aside`, remedy)]
  }
  const near = nearest(unit, knownUnits)
  const known = knownUnits.length === 0 ? 'none yet' : knownUnits.slice(0, 12).join(', ')
  return [
    bad(
      'unit',
      `no message of ${unit} has ever arrived${near}; known units: ${known}`,
      "Check that it is powered, that it has the broker's address and, where mqtt.credentials is " +
        `set, its password, and that it publishes to ${hello}.`,
    ),
  ]
}

const identity = (unit: UnitFacts, summary: UnitSummary): Finding[] => {
  const { remembered, profile } = unit
  const found: Finding[] = []
  const simulated = summary.simulated ? ', simulated' : ''
  const who = `${unit.unit} is a ${summary.machine}, boot ${summary.boot}${simulated}`
  found.push(good('unit', who))
  if (profile === undefined) {
    const remedy = 'Add its file to hardware-profiles, and start the gateway again.'
    found.push(bad('unit', `there is no profile of the machine ${summary.machine}`, remedy))
  } else if (remembered?.profile != null && remembered.profile !== profile.digest) {
    found.push(
      note(
        'unit',
        `it was built for another version of its profile (${remembered.profile.slice(0, 12)}…)`,
        'Flash it with the present profile, or keep the one that it was built for.',
      ),
    )
  }
  found.push(...keyFindings(summary, remembered?.otherKey))
  return found
}

/** Quieter than this many report periods, or ten seconds, is silence. */
const silentPeriods = 20
const silentUs = 10_000_000
/** A clock that is further ahead is wrong. */
const aheadUs = 60_000_000

const skewOf = ({ skewUs = 0 }: UnitSummary): string =>
  Math.abs(skewUs) < 1e6 ? '' : `, its clock off by ${(skewUs / 1e6).toFixed(0)} s`

const readings = (
  { nowUs }: Facts,
  { unit, profile }: UnitFacts,
  summary: UnitSummary,
): Finding => {
  const { lastTimeUs, readings } = summary
  if (lastTimeUs === undefined) {
    return bad(
      'readings',
      `${unit} has said hello, but no reading of it was ever stored`,
      'See quarantine; if nothing is there, the unit sends no report: check its firmware.',
    )
  }
  const ageUs = nowUs - lastTimeUs
  const count = `${readings} stored, the newest ${age(ageUs)}${skewOf(summary)}`
  if (ageUs < -aheadUs) {
    return bad(
      'readings',
      `${count}: its clock is ahead of this machine's`,
      'Set both clocks; readings in the future are hidden behind the end of every chart.',
    )
  }
  if (ageUs > Math.max(silentUs, (silentPeriods * 1e6) / (profile?.reportHz ?? 1))) {
    return bad(
      'readings',
      `${count}: it is silent`,
      'If it should be at work: check its power, its network, and its own log of connects.',
    )
  }
  return good('readings', count)
}

const quarantine = ({ nowUs }: Facts, { summary, quarantine }: UnitFacts): Finding[] =>
  groupsOf(quarantine, (us) => age(nowUs - us)).map(({ newest, text }) => {
    const isNewest = newest.receivedUs >= (summary?.lastTimeUs ?? 0)
    return (isNewest ? bad : note)('quarantine', text, newest.remedy)
  })

/** Of all units: nobody asked for one, so that none of it need be why somebody came. */
const asides = ({ nowUs, quarantine }: Facts): Finding[] =>
  groupsOf(quarantine, (us) => age(nowUs - us)).map(({ newest, text }) =>
    note('quarantine', `${text}, ${newest.topic}`, newest.remedy),
  )

const order = ({ remembered }: UnitFacts, { missing, duplicates }: UnitSummary): Finding[] => {
  const found: Finding[] = []
  if (missing > 0) {
    found.push(
      note(
        'readings',
        `${missing} numbers of its sequence are not stored`,
        'They never arrived, were kept aside, or were lost with a damaged log: see the lines ' +
          "around this one; if none says so, look at the unit's buffer and network.",
      ),
    )
  }
  if (duplicates > 0) {
    const remedy = 'Nothing to do: a resend after a lost acknowledgement is normal.'
    found.push(note('readings', `${duplicates} came twice and were counted once`, remedy))
  }
  if ((remembered?.late ?? 0) > 0) {
    const text = `${remembered?.late} came so late that no total counts them`
    found.push(
      note('readings', text, 'The unit sends reports of boots long past: check its buffer.'),
    )
  }
  return found
}

const sinks = (facts: Facts): Finding[] => {
  const absent = facts.configuredSinks.filter((name) => !facts.sinks.some((s) => s.sink === name))
  return [
    ...facts.sinks.map((sink) => oneSink(facts, sink)),
    ...(facts.sinks.length === 0 ? [] : absent).map((name) =>
      note('sinks', `${name} is configured, but has no books yet`, 'Start the gateway again.'),
    ),
  ]
}

/** Counted elsewhere, or told by what was sent. */
const notLost: ReadonlySet<DropReason> = new Set(['requeued', 'exception'])

/** What was let go, by reason: damage is bad news, a bound that was set is worth a line. */
const lossOf = (text: string, { dropped }: SinkFacts): Finding | undefined => {
  const reasons = (Object.keys(dropReasons) as DropReason[]).filter(
    (name) => (dropped[name] ?? 0) > 0 && !notLost.has(name),
  )
  const [first] = reasons
  if (first === undefined) return undefined
  const counts = reasons.map((name) => `${dropped[name]} ${name}`).join(', ')
  const remedy = reasons.map((name) => dropReasons[name]).join(' ')
  return (reasons.includes('corrupt') ? bad : note)('sinks', `${text} (${counts})`, remedy)
}

const oneSink = ({ sinksLive, gateway }: Facts, sink: SinkFacts): Finding => {
  const { stored, duplicate, quarantined, pending, received, error } = sink
  const dropped = Object.values(sink.dropped).reduce((sum, count) => sum + (count ?? 0), 0)
  const waiting = sinksLive ? `, ${pending} waiting` : ''
  const text =
    `${sink.sink}: ${received} received, ${stored} stored${waiting}, ${quarantined} kept aside, ` +
    `${duplicate} came twice, ${dropped} dropped`
  const off = received - stored - pending - quarantined - duplicate - dropped
  if (off !== 0) {
    return bad(
      'sinks',
      `${text}: the books are off by ${off}`,
      'This is a defect: please report it.',
    )
  }
  if (error !== undefined) return bad('sinks', `${text}: ${error.message}`, error.remedy)
  const loss = lossOf(text, sink)
  if (loss !== undefined) return loss
  const lagUs = sink.lagUs ?? 0
  if (lagUs > lagWorthSayingUs) {
    const remedy = 'It catches up by itself if it is fast enough; watch whether waiting falls.'
    return note('sinks', `${text}; ${seconds(lagUs)} behind`, remedy)
  }
  if (!sinksLive && gateway.holder !== undefined) {
    return note(
      'sinks',
      `${text}; what is waiting is not known`,
      'Ask with the right http settings.',
    )
  }
  return good('sinks', text)
}

const lagWorthSayingUs = 10_000_000

const age = (us: number): string =>
  us < 0 ? `${seconds(-us)} in the future` : us < 1e6 ? 'just now' : `${seconds(us)} ago`

const seconds = (us: number): string => {
  const s = us / 1e6
  if (s < 120) return `${Math.round(s)} s`
  if (s < 7200) return `${Math.round(s / 60)} min`
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`
}

const mebi = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2).toLocaleString('en')} MiB`
