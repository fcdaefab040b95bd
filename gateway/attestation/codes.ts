// Every code that the trust work can give, with what to check. One table, so that a verifier's
// output, a typed error and the README speak of the same thing. Browser-safe; says nothing about
// verdicts.

/** Code -> what the reader of the message should check or do. */
export const remedies = {
  bad_base64: 'The text was cut or edited in transit: fetch the file again.',
  not_cbor:
    'The sender must send deterministic CBOR (RFC 8949, 4.2.1): check its firmware version.',
  not_canonical: 'Only one encoding of each value is allowed: check the encoder of the sender.',
  too_long: 'Split the content: a signed object holds at most 65,535 bytes.',
  bad_cose: 'The bytes must be a tagged COSE_Sign1 (RFC 9052) of the expected type.',
  bad_header: 'The protected header holds alg and typ only, the unprotected header nothing.',
  bad_did: 'A key is written did:key:z6Mk... (Ed25519): check for a cut or mistyped character.',
  weak_key: 'The key is of small order or not canonical: make a new key.',
  bad_signature: 'The content was changed after signing, or was signed by another key.',
  bad_field: 'A field is missing or of a wrong form: check the version of the writer.',
  unknown_field: 'Only the known fields are allowed: check the version of the writer.',
  bad_disclosure:
    'A disclosed detail matches no digest in a signed entry: it was changed or added.',
  not_enrolled:
    'The first entry must be `made` with sequence 0: the beginning of the chain is missing.',
  enrolled_twice: 'A unit is made once: a later `made` belongs to another chain.',
  entry_missing: 'Ask the owner for the entries between: something was left out.',
  entry_order: 'Entries must come in the order of their sequence.',
  prev_mismatch: 'An entry does not follow the one before it: two histories were joined.',
  other_unit: 'The chain holds an entry of another unit.',
  unit_swapped: 'The file names a unit that is not the one of its chain.',
  counter_shrunk: 'Counters only grow: the board lost its state or the history was joined.',
  clock_backwards: 'Boot count and uptime only grow: the board lost its state.',
  fork: 'Two different entries with one sequence: the key was copied, or its holder lost its head.',
  claim_required: 'An entry of this type must include the digest of its author’s claim.',
  claim_foreign: 'The claim speaks of another unit, another moment or another kind of entry.',
  claim_unused: 'The claim is included by no entry of the chain.',
  claim_withheld:
    'Ask the owner for the claim: its digest is in the chain, its text is not in the file.',
  claim_author_unknown: 'Pin the author in the trust file if you know them.',
  simulated_barred: 'The unit is simulated: its claims count for nothing.',
  bad_note: 'The note is not a C2SP signed note: it was cut or edited.',
  bad_note_signature: 'The statement was changed after signing, or forged.',
  bad_vkey: 'A log key is written <name>+<8 hex digits>+<base64>: copy the whole line.',
  no_known_signature: 'No signature of the expected key is on the note.',
  bad_checkpoint: 'A checkpoint is three lines: origin, size, root.',
  origin_mismatch: 'The statement belongs to another log.',
  bad_proof: 'The proof text is not a tlog-proof@v1.',
  not_included: 'The entry is not in the log at the stated place.',
  beyond_checkpoint:
    'The checkpoint is older than the entry: take a passport with a newer checkpoint.',
  inconsistent: 'Two states of the log contradict each other: the log’s history was rewritten.',
  head_mismatch: 'The log knows another last entry of this unit: entries were left out at the end.',
  bad_head: 'The head statement is not in its form, or speaks of another checkpoint or unit.',
  bad_passport:
    'It is no passport of version 1, was cut short on its way, or was edited: ask for it again.',
  bad_trust: 'Correct the named line of the trust file.',
  log_not_pinned: 'Get the key of the log from its operator, not from the file, and pin it.',
  log_key_substituted: 'You pinned another key for this log: do not trust the file.',
  unit_not_pinned: 'Pin the unit’s key (label of the machine) or its producer’s.',
  reported_by_gateway: 'The unit has no key of its own: these are the gateway’s words about it.',
  simulated: 'This is a twin, not a machine: its history proves nothing about a machine.',
  anchor_mismatch: 'The chain knows another history of this log: do not trust the log.',
  older_than_anchor: 'The chain knows a newer state of the log: ask for a newer passport.',
  no_anchor: 'The contract holds no state of this log: check its address.',
  anchor_unproven: 'Ask for a passport with a consistency proof from the anchored size.',
  anchor_unreachable: 'Check the network and the addresses of server, contract and owner.',
  not_asked: 'Ask the unit itself with a live challenge.',
  not_reached: 'An earlier check failed: see there.',
  no_key_file: 'Create the key first, or check the path.',
  bad_key_file: 'The key file must be a PKCS #8 PEM with an Ed25519 key: restore it from a backup.',
  key_file_open: 'Others can read the key file: chmod 600 it, and consider the key as copied.',
  bad_head_file: 'The head file is damaged: restore it; without it the unit would fork its chain.',
  head_of_other_key: 'The head belongs to another key: key and head must be restored together.',
  already_enrolled: 'The unit has its `made` entry: continue the chain.',
  outbox_full: 'Connect the unit: too many entries wait to be sent.',
  no_checkpoint: 'No entry of the unit is under a checkpoint yet: wait for the next one.',
  unknown_unit: 'Check the name of the unit.',
} as const

export type Code = keyof typeof remedies

/**
 * An operating error of the trust work: `code`, what happened (`message`) and what to check
 * (`remedy`).
 */
export class AttestationError extends Error {
  readonly code: Code
  readonly remedy: string

  constructor(code: Code, message: string) {
    super(message)
    this.name = 'AttestationError'
    this.code = code
    this.remedy = remedies[code]
  }
}
