// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Checkpoints of append-only logs, append-only by force
/// @notice Keeps the newest size and root of each log and takes a newer one only with an RFC 9162
/// consistency proof from the one it holds, so that a log cannot fork or forget after it was
/// anchored. It must not hold money, know an entry, or have an administrator.
/// @dev Who may anchor: the address that anchors an origin first owns it here, for good. One origin
/// has one history in one contract, so that nobody can keep two and show each reader another. The
/// price: whoever sees a first anchor coming, or guesses an origin, can take it before its owner
/// (the log's own Ed25519 key cannot be checked here). That keeps the owner out of this contract
/// and gains no trust: a foreign root never matches a checkpoint that the log's key signed. A
/// reader who pins the owner's address beside the contract's also tells this from a forked log. The
/// remedy is another contract, which costs one deployment.
contract CheckpointAnchor {
    struct Log {
        address owner;
        uint64 size;
        /// Block time of the newest anchor, seconds since 1970.
        uint32 anchoredAtS;
        bytes32 root;
    }

    mapping(bytes32 originHash => Log) private _logs;

    /// @notice A log was anchored for the first time; from now on `owner` alone anchors it.
    event LogRegistered(bytes32 indexed originHash, address indexed owner, string origin);
    /// @notice The log `originHash` (keccak256 of its origin) has `root` over its first `size`
    /// leaves.
    event CheckpointAnchored(bytes32 indexed originHash, uint64 indexed size, bytes32 root);

    error NotLogOwner(address owner);
    error EmptyCheckpoint();
    error FirstAnchorTakesNoProof();
    /// @notice The same checkpoint is anchored already.
    error AlreadyAnchored(uint64 size);
    /// @notice Another root at a size that is anchored already: the log was forked.
    error LogForked(uint64 size, bytes32 anchoredRoot, bytes32 offeredRoot);
    error LogShrank(uint64 anchoredSize, uint64 offeredSize);
    /// @notice The proof has fewer or more hashes than the two sizes need.
    error WrongProofLength(uint256 given);
    /// @notice The proof does not lead from the anchored root: a wrong proof, or a fork.
    error OldRootNotProven(bytes32 anchoredRoot, bytes32 provenRoot);
    /// @notice The proof does not lead to the offered root.
    error NewRootNotProven(bytes32 offeredRoot, bytes32 provenRoot);

    /// @notice Anchors a checkpoint; reverts unless it continues the anchored one.
    /// @param origin the log's name, as in the first line of its checkpoints
    /// @param newSize number of leaves, above the anchored one
    /// @param newRoot RFC 6962 root over them
    /// @param proof consistency proof from the anchored size (RFC 9162, 2.1.4.1); empty for a first
    /// anchor
    function anchor(
        string calldata origin,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external {
        bytes32 originHash = keccak256(bytes(origin));
        Log storage log = _logs[originHash];
        address owner = log.owner;
        if (owner == address(0)) {
            if (newSize == 0) revert EmptyCheckpoint();
            if (proof.length != 0) revert FirstAnchorTakesNoProof();
            log.owner = msg.sender;
            emit LogRegistered(originHash, msg.sender, origin);
        } else {
            if (owner != msg.sender) revert NotLogOwner(owner);
            uint64 size = log.size;
            if (newSize == size && newRoot == log.root) revert AlreadyAnchored(size);
            requireConsistent(size, log.root, newSize, newRoot, proof);
        }
        log.size = newSize;
        log.anchoredAtS = uint32(block.timestamp);
        log.root = newRoot;
        emit CheckpointAnchored(originHash, newSize, newRoot);
    }

    /// @notice The newest anchored checkpoint; all zero for a log that was never anchored.
    function newest(string calldata origin) external view returns (Log memory) {
        return _logs[keccak256(bytes(origin))];
    }

    /// @notice Reverts unless the tree of `newSize` leaves continues the tree of `oldSize` leaves.
    /// @dev RFC 9162, 2.1.4.2, step by step. A proof from size 0 proves nothing and is refused.
    function requireConsistent(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) public view {
        if (oldSize == 0) revert EmptyCheckpoint();
        if (newSize < oldSize) revert LogShrank(oldSize, newSize);
        if (newSize == oldSize) {
            if (newRoot != oldRoot) revert LogForked(oldSize, oldRoot, newRoot);
            if (proof.length != 0) revert WrongProofLength(proof.length);
            return;
        }
        (bytes32 provenOld, bytes32 provenNew) = _climb(oldSize, oldRoot, newSize, proof);
        if (provenOld != oldRoot) revert OldRootNotProven(oldRoot, provenOld);
        if (provenNew != newRoot) revert NewRootNotProven(newRoot, provenNew);
    }

    /// @dev Both roots as the proof builds them. `node` and `last` are the path of the old tree's
    /// last leaf and the new tree's last leaf, seen from the current level.
    function _climb(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32[] calldata proof
    ) private view returns (bytes32 provenOld, bytes32 provenNew) {
        uint256 node = oldSize - 1;
        uint256 last = newSize - 1;
        while (node & 1 == 1) {
            node >>= 1;
            last >>= 1;
        }
        // A size that is a power of two is a whole subtree: its root is the first hash, and not
        // sent.
        uint256 next = node == 0 ? 0 : 1;
        if (proof.length < next) revert WrongProofLength(proof.length);
        provenOld = next == 0 ? oldRoot : proof[0];
        provenNew = provenOld;
        for (; next < proof.length; ++next) {
            if (last == 0) revert WrongProofLength(proof.length);
            bytes32 sibling = proof[next];
            if (node & 1 == 1 || node == last) {
                provenOld = _hash(sibling, provenOld);
                provenNew = _hash(sibling, provenNew);
                while (node & 1 == 0 && node != 0) {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                provenNew = _hash(provenNew, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        if (last != 0) revert WrongProofLength(proof.length);
    }

    /// @dev RFC 6962, 2.1: the hash of an inner node. In assembly because a new buffer for each
    /// hash would cost more than the hash; the 65 bytes lie in the scratch space and the first byte
    /// of the free memory pointer, which is put back.
    function _hash(bytes32 left, bytes32 right) private view returns (bytes32 result) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(0x00, 1)
            mstore(0x01, left)
            mstore(0x21, right)
            if iszero(staticcall(gas(), 0x02, 0x00, 0x41, 0x00, 0x20)) { revert(0, 0) }
            result := mload(0x00)
            mstore(0x40, free)
        }
    }
}
