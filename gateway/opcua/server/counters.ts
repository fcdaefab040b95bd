// Counters of a unit in the terms of OPC UA for Machinery: operation counters by the role that the
// profile gives a counter, lifetime counters for the maintenance that goes by a counter, and every
// counter by its own name. They show totals over all boots, which only grow.
import * as opcua from 'node-opcua'
import { opcUaNodeOf } from '../../../hardware-profiles/names.ts'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { Standing } from './plan.ts'
import { euOf, int64 } from './variant.ts'

export interface CounterParts {
  namespace: opcua.Namespace
  profile: Profile
  unit: string
  /** Index of the DI namespace. */
  di: number
  machine: opcua.UAObject
  operation: opcua.UAObject
  lifetime: opcua.UAObject
}

export interface Shown {
  show(standing: Standing, at: Date): void
}

/** Milliseconds in one of a counter's unit of time; a Duration is in milliseconds. */
const timeMs: Readonly<Record<string, number>> = { h: 3_600_000, s: 1000, ms: 1, us: 0.001 }

export const countersOf = (parts: CounterParts): Shown => {
  const { profile, operation } = parts
  const withRole = (...roles: string[]): [string, { unit: string }] | undefined =>
    Object.entries(profile.counters).find(([, { role }]) => roles.includes(role ?? ''))
  const child = (name: string): opcua.UAVariable | null =>
    operation.getChildByName(name) as opcua.UAVariable | null
  const runTime = withRole('run_time')
  const cycles = withRole('cycles', 'starts')
  const own = ownCounters(parts)
  const lifetimes = lifetimeCounters(parts)
  return {
    show({ counters, maintenance }, at) {
      const put = (node: opcua.UAVariable | null | undefined, value: opcua.VariantLike): void => {
        node?.setValueFromSource(value, opcua.StatusCodes.Good, at)
      }
      for (const [name, node] of own) {
        const total = counters[name]
        if (total !== undefined) put(node, uint64(total))
      }
      const ran = counters[runTime?.[0] ?? '']
      if (ran !== undefined) {
        const value = ran * (timeMs[runTime?.[1].unit ?? ''] ?? 1)
        put(child('OperationDuration'), { dataType: opcua.DataType.Double, value })
      }
      const cycled = counters[cycles?.[0] ?? '']
      if (cycled !== undefined) put(child('OperationCycleCounter'), uint64(cycled))
      for (const { task, left } of maintenance) {
        if (left === undefined) continue
        put(lifetimes.get(task), { dataType: opcua.DataType.Double, value: left })
      }
    },
  }
}

const uint64 = (value: number) => ({
  dataType: opcua.DataType.UInt64,
  arrayType: opcua.VariantArrayType.Scalar,
  value: int64(value),
})

const readOnly = {
  accessLevel: 'CurrentRead',
  userAccessLevel: 'CurrentRead',
  minimumSamplingInterval: 0,
} as const

const ownCounters = ({ namespace, profile, unit, machine }: CounterParts) => {
  const folder = namespace.addObject({
    browseName: 'Counters',
    nodeId: opcUaNodeOf(unit, 'Counters'),
    componentOf: machine,
    typeDefinition: 'FolderType',
  })
  return new Map(
    Object.entries(profile.counters).map(([name, { description, unit: ucum }]) => {
      const node = namespace.addVariable({
        ...{ browseName: name, description, componentOf: folder, ...readOnly },
        nodeId: opcUaNodeOf(unit, 'Counters', name),
        dataType: 'UInt64',
      })
      namespace.addVariable({
        browseName: 'EngineeringUnits',
        nodeId: opcUaNodeOf(unit, 'Counters', name, 'EngineeringUnits'),
        propertyOf: node,
        dataType: 'EUInformation',
        value: { dataType: opcua.DataType.ExtensionObject, value: euOf(ucum) },
      })
      return [name, node] as const
    }),
  )
}

/** LifetimeVariableType (OPC 10000-100, 7.9): counts down from the interval to 0, then below. */
const lifetimeCounters = ({ namespace, profile, unit, lifetime, di }: CounterParts) => {
  const { addressSpace } = namespace
  const type = addressSpace.findVariableType('LifetimeVariableType', di)
  const indication = addressSpace.findObjectType('TimeIndicationType', di)
  const made = new Map<string, opcua.UAVariable>()
  if (type === null) return made
  for (const task of profile.maintenance) {
    const { counter, every } = task as { counter?: string; every?: number }
    const spec = counter === undefined ? undefined : profile.counters[counter]
    if (spec === undefined || every === undefined) continue
    const node = type.instantiate({
      browseName: task.task,
      description: task.description,
      nodeId: opcUaNodeOf(unit, 'LifetimeCounters', task.task),
      componentOf: lifetime,
      dataType: 'Double',
      namespace,
    })
    const put = (name: string, value: opcua.VariantLike): void => {
      const child = node.getChildByName(name) as opcua.UAVariable | null
      child?.setValueFromSource(value)
    }
    put('StartValue', { dataType: opcua.DataType.Double, value: every })
    put('LimitValue', { dataType: opcua.DataType.Double, value: 0 })
    put('EngineeringUnits', { dataType: opcua.DataType.ExtensionObject, value: euOf(spec.unit) })
    const isTime = timeMs[spec.unit] !== undefined
    const kind = isTime
      ? indication
      : addressSpace.findObjectType('NumberOfUsagesIndicationType', di)
    if (kind !== null) put('Indication', { dataType: opcua.DataType.NodeId, value: kind.nodeId })
    made.set(task.task, node as opcua.UAVariable)
  }
  return made
}
