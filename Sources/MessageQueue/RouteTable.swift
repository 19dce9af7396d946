/// A route as ``Producer/produce(_:)`` needs it: which buffers and which lanes a shard's messages go to.
struct RouteTable: Sendable {
    struct Service: Sendable {
        let writer: ServiceWriter
        /// Shards with the same buffers share a group.
        let groupOfShard: [UInt16]
        /// Numbers of the buffers of each group.
        let groups: [[Int]]
        /// Numbers of all its buffers.
        let accounts: [Int]
        /// Lanes with a queue for the shard, one bit each.
        let laneMaskOfShard: [UInt64]
    }

    var services: [Service]
    let numberOfGroups: Int

    init(services: [Service]) {
        self.services = services
        numberOfGroups = services.reduce(0) { $0 + $1.groups.count }
    }
}
