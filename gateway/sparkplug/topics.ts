// Sparkplug topics, spelled and read in this one place. Sparkplug's own names of a message kind
// stay as they are; what Sparkplug puts below an edge node is a unit here.

export const namespace = 'spBv1.0'
/** Where an aware server keeps births, retained. */
export const certificates = '$sparkplug/certificates'

export const nodeKinds = ['NBIRTH', 'NDATA', 'NDEATH', 'NCMD'] as const
export const unitKinds = ['DBIRTH', 'DDATA', 'DDEATH', 'DCMD'] as const
export type NodeKind = (typeof nodeKinds)[number]
export type UnitKind = (typeof unitKinds)[number]

/** An edge node: unique in the whole infrastructure. */
export interface NodeName {
  group: string
  node: string
}

export type SparkplugTopic =
  | ({ kind: NodeKind } & NodeName)
  | ({ kind: UnitKind; unit: string } & NodeName)
  | { kind: 'STATE'; host: string }

/** An id of a group, node, unit or host: a level of a topic, without wildcards. */
export const idPattern = '^[^+#/\\u0000]{1,128}$'
const id = new RegExp(idPattern, 'u')

export const nodeTopic = (kind: NodeKind, { group, node }: NodeName): string =>
  `${namespace}/${group}/${kind}/${node}`

export const unitTopic = (kind: UnitKind, name: NodeName & { unit: string }): string =>
  `${namespace}/${name.group}/${kind}/${name.node}/${name.unit}`

export const stateTopic = (host: string): string => `${namespace}/STATE/${host}`

/** The parts of a topic; undefined where it is not one of Sparkplug B's. */
export const parseTopic = (topic: string): SparkplugTopic | undefined => {
  const [space, group = '', kind = '', node = '', unit, ...rest] = topic.split('/')
  if (space !== namespace || rest.length > 0) return undefined
  if (group === 'STATE' && node === '' && unit === undefined) {
    return id.test(kind) ? { kind: 'STATE', host: kind } : undefined
  }
  if (!id.test(group) || !id.test(node)) return undefined
  if (isNodeKind(kind)) return unit === undefined ? { kind, group, node } : undefined
  if (!isUnitKind(kind) || unit === undefined || !id.test(unit)) return undefined
  return { kind, group, node, unit }
}

const isNodeKind = (kind: string): kind is NodeKind => nodeKinds.includes(kind as NodeKind)
const isUnitKind = (kind: string): kind is UnitKind => unitKinds.includes(kind as UnitKind)
