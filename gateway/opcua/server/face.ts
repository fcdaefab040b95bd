// One unit as a machine of OPC UA for Machinery (OPC 40001-1): identification, item state,
// operation mode, counters, notifications, and its signals as analog items. Every node id is text
// from the unit's id and the profile's names, so that it is the same after every start. Nothing
// here can be written; setpoints are given by a method (setpoints.ts).
import * as opcua from 'node-opcua'
import { opcUaNodeOf } from '../../../hardware-profiles/names.ts'
import type { SignalSpec } from '../../../hardware-profiles/profile.ts'
import { quality, qualityNames } from '../../core/quality.ts'
import { countersOf, type Shown } from './counters.ts'
import type { ShownEvent, ShownReading, Standing } from './plan.ts'
import { addSetpoints, type SetpointParts } from './setpoints.ts'
import {
  type Doing,
  type ItemState,
  itemStateOf,
  type OperationMode,
  operationModeOf,
} from './state.ts'
import { euOf, nothing, statusOf, variantOf } from './variant.ts'

export interface FaceParts extends Omit<SetpointParts, 'machine'> {
  /** What each role may do with each node of the unit. */
  permissions: opcua.RolePermissionTypeOptions[]
  nowUs(): number
}

export class Face {
  readonly #parts: FaceParts
  readonly #machine: opcua.UAObject
  readonly #notifications: opcua.UAObject
  readonly #signals: opcua.UAVariable[]
  readonly #state: opcua.UAStateMachineEx
  readonly #mode: opcua.UAStateMachineEx
  readonly #counters: Shown
  readonly #values: (number | undefined)[]
  readonly #serial: opcua.UAVariable | undefined
  #standing: Standing | undefined
  #newestUs = 0
  #itemState: ItemState | undefined
  #operationMode: OperationMode | undefined

  constructor(parts: FaceParts) {
    this.#parts = parts
    const { namespace, profile, unit } = parts
    const { addressSpace } = namespace
    const machinery = indexOf(addressSpace, 'http://opcfoundation.org/UA/Machinery/')
    const di = indexOf(addressSpace, 'http://opcfoundation.org/UA/DI/')
    const type = (name: string, index: number): opcua.UAObjectType => {
      const found = addressSpace.findObjectType(name, index)
      if (found === null) throw new RangeError(`the nodesets have no ${name}`)
      return found
    }
    const machines = addressSpace.findNode(`ns=${machinery};i=1001`) as opcua.UAObject
    this.#machine = namespace.addObject({
      browseName: unit,
      displayName: `${profile.title} ${unit}`,
      nodeId: opcUaNodeOf(unit),
      organizedBy: machines,
      eventSourceOf: addressSpace.rootFolder.objects.server,
      eventNotifier: 1,
    })
    const blocks = namespace.addObject({
      browseName: { name: 'MachineryBuildingBlocks', namespaceIndex: machinery },
      nodeId: opcUaNodeOf(unit, 'MachineryBuildingBlocks'),
      componentOf: this.#machine,
      typeDefinition: 'FolderType',
    })
    const block = (
      name: string,
      of: string,
      { index = machinery, optionals = [] as string[] } = {},
    ) =>
      type(of, machinery).instantiate({
        browseName: { name, namespaceIndex: index },
        nodeId: opcUaNodeOf(unit, name),
        optionals,
        ...(name === 'Identification' ? {} : { componentOf: blocks }),
        namespace,
      })
    const identification = block('Identification', 'MachineIdentificationType', {
      index: di,
      optionals: ['Model', 'ProductCode'],
    })
    // Found from the machine and from its building blocks alike (OPC 40001-1, 7.1 and 8.1).
    for (const from of [this.#machine, blocks]) {
      from.addReference({ referenceType: 'HasAddIn', nodeId: identification })
    }
    this.#serial = identify(identification, parts)
    this.#state = opcua.promoteToStateMachine(
      block('MachineryItemState', 'MachineryItemState_StateMachineType'),
    )
    this.#mode = opcua.promoteToStateMachine(
      block('MachineryOperationMode', 'MachineryOperationModeStateMachineType'),
    )
    this.#notifications = block('Notifications', 'NotificationsType')
    this.#notifications.setEventNotifier(1)
    this.#machine.addReference({ referenceType: 'HasNotifier', nodeId: this.#notifications })
    this.#counters = countersOf({
      ...{ namespace, profile, unit, di },
      operation: block('OperationCounters', 'MachineryOperationCounterType', {
        index: di,
        optionals: ['OperationDuration', 'OperationCycleCounter'],
      }),
      lifetime: block('LifetimeCounters', 'MachineryLifetimeCounterType'),
      machine: this.#machine,
    })
    this.#signals = addSignals(this.#machine, parts)
    this.#values = this.#signals.map(() => undefined)
    addSetpoints({ ...parts, machine: this.#machine })
    permit(this.#machine, parts.permissions)
  }

  /** What the store knows of the unit; values come from it only before the first reading. */
  stand(standing: Standing): void {
    this.#standing = standing
    const at = new Date((standing.lastTimeUs ?? this.#parts.nowUs()) / 1000)
    this.#counters.show(standing, at)
    this.#serial?.setValueFromSource({ dataType: 'String', value: standing.unit })
    if (this.#newestUs === 0 && standing.lastTimeUs !== undefined) {
      const signals = Object.keys(this.#parts.profile.signals)
      const known = signals.map((name) => standing.values[name])
      this.read({
        ...{ unit: standing.unit, machine: standing.machine, timeUs: standing.lastTimeUs },
        values: known.map((one) => one?.value),
        quality: Uint8Array.from(known, (one) =>
          Math.max(0, qualityNames.indexOf((one?.quality ?? 'absent') as 'absent')),
        ),
      })
    }
    this.judge()
  }

  /** Shows a reading; an older one than what is shown changes nothing. */
  read(reading: ShownReading): void {
    if (reading.timeUs < this.#newestUs) return
    this.#newestUs = reading.timeUs
    const at = new Date(Math.floor(reading.timeUs / 1000))
    const specs = Object.values(this.#parts.profile.signals)
    for (let i = 0; i < specs.length; i++) {
      const code = reading.quality[i] ?? quality.absent
      if (code === quality.absent) continue
      const value = code > quality.absent ? undefined : reading.values[i]
      this.#values[i] = value
      const shown = value === undefined ? nothing : variantOf(specs[i] as SignalSpec, value)
      this.#signals[i]?.setValueFromSource(shown, statusOf(code), at)
    }
    this.judge()
  }

  /** Raises an event at the unit's notifications. */
  tell({ type, description, severity, timeUs }: ShownEvent): void {
    const at = new Date(Math.floor(timeUs / 1000))
    this.#notifications.raiseEvent('BaseEventType', {
      message: { dataType: 'LocalizedText', value: { text: `${type}: ${description}` } },
      severity: { dataType: 'UInt16', value: severities[severity] },
      sourceName: { dataType: 'String', value: this.#parts.unit },
      time: { dataType: 'DateTime', value: at },
    })
  }

  /** Item state and mode from what is known now; called with time, too, as silence is a state. */
  judge(): void {
    const { profile, nowUs } = this.#parts
    const names = Object.keys(profile.signals)
    const lifecycle = this.#standing?.lifecycle ?? ''
    const doing: Doing = {
      lifecycle,
      wordOf: (signal) => {
        const value = this.#values[names.indexOf(signal)]
        const words = profile.signals[signal]?.values
        return value === undefined || words === undefined ? value : words[value]
      },
      silentUs: this.#newestUs === 0 ? undefined : nowUs() - this.#newestUs,
    }
    const state = itemStateOf(profile, doing)
    if (state !== this.#itemState) this.#state.setState(state)
    this.#itemState = state
    const mode = operationModeOf(lifecycle, state)
    if (mode !== this.#operationMode) this.#mode.setState(mode)
    this.#operationMode = mode
  }
}

const severities = { info: 200, warning: 500, fault: 800 } as const

/** A variable can be read and nothing else, whoever asks. */
export const closeToWriting = (node: opcua.BaseNode): void => {
  if (node.nodeClass !== opcua.NodeClass.Variable) return
  const variable = node as opcua.UAVariable
  variable.accessLevel &= opcua.AccessLevelFlag.CurrentRead
}

/** Says at a node and all that it is made of what each role may do there. */
const permit = (node: opcua.BaseNode, permissions: opcua.RolePermissionTypeOptions[]): void => {
  closeToWriting(node)
  node.setRolePermissions(permissions)
  for (const part of node.findReferencesExAsObject('Aggregates', opcua.BrowseDirection.Forward)) {
    permit(part, permissions)
  }
}

const indexOf = (addressSpace: opcua.IAddressSpace, uri: string): number => {
  const index = addressSpace.getNamespaceIndex(uri)
  if (index < 0) throw new RangeError(`the nodesets lack ${uri}`)
  return index
}

/** Fills the nameplate with what is known; returns the serial number's node. */
const identify = (
  identification: opcua.UAObject,
  { profile, unit }: FaceParts,
): opcua.UAVariable | undefined => {
  const child = (name: string): opcua.UAVariable | undefined =>
    (identification.getChildByName(name) as opcua.UAVariable | null) ?? undefined
  const text = (name: string, value: string): void => {
    child(name)?.setValueFromSource({ dataType: 'LocalizedText', value: { text: value } })
  }
  const string = (name: string, value: string): void => {
    child(name)?.setValueFromSource({ dataType: 'String', value })
  }
  // Who made a unit is in its signed chain, not in its profile; a nameplate must not claim it.
  text('Manufacturer', 'see passport')
  text('Model', profile.title)
  string('ProductCode', `${profile.machine} ${profile.version}`)
  string('ProductInstanceUri', `urn:tenfold:v1:${profile.machine}:${unit}`)
  string('SerialNumber', unit)
  return child('SerialNumber')
}

const addSignals = (machine: opcua.UAObject, parts: FaceParts): opcua.UAVariable[] => {
  const { namespace, profile, unit } = parts
  const folder = namespace.addObject({
    browseName: 'Signals',
    nodeId: opcUaNodeOf(unit, 'Signals'),
    componentOf: machine,
    typeDefinition: 'FolderType',
  })
  return Object.entries(profile.signals).map(([name, spec]) => {
    const common = {
      browseName: name,
      description: spec.description,
      nodeId: opcUaNodeOf(unit, 'Signals', name),
      componentOf: folder,
      minimumSamplingInterval: 0,
      accessLevel: 'CurrentRead',
      userAccessLevel: 'CurrentRead',
    }
    if (spec.type === 'enum') {
      const words = [...(spec.values ?? [])]
      return namespace.addMultiStateDiscrete({ ...common, enumStrings: words, value: 0 })
    }
    if (spec.type === 'boolean') {
      return namespace.addVariable({ ...common, dataType: 'Boolean' })
    }
    return namespace.addAnalogDataItem({
      ...common,
      dataType: spec.type === 'integer' ? 'Int64' : 'Double',
      engineeringUnits: euOf(spec.unit),
      engineeringUnitsRange: { low: spec.range?.[0] ?? -1e9, high: spec.range?.[1] ?? 1e9 },
    })
  })
}
