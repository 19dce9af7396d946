import Telemetry

/// What the store counts. Ingested samples are stored or rejected for a reason: nothing is lost in silence.
final class StoreInstruments: Sendable {
    let ingested: Counter
    let stored: Counter
    let refusedBatches: Counter
    let rejected: [WriteOutcome.Rejection: Counter]
    let corrupt: [Family: Counter]
    let syncFailures: Counter
    let maintenanceFailures: Counter
    let sealedBlocks: Counter
    let expiredBlocks: Counter
    let foldedBlocks: Counter
    let series: Gauge
    let namespaces: Gauge
    let openSamples: Gauge
    let openBytes: Gauge
    let openBlocks: Gauge
    let sealedBlockCount: Gauge
    let diskBytes: Gauge
    let readSeconds: Histogram
    let commitSeconds: Histogram

    init(_ registry: Registry) {
        func counter(_ name: String, _ help: String, _ labels: [(String, String)] = []) -> Counter {
            registry.counter("m3agg_storage_" + name, help: help, labels: labels)
        }
        func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge("m3agg_storage_" + name, help: help) }
        ingested = counter("samples_ingested_total", "Samples taken from the write queue: stored or rejected.")
        stored = counter("samples_stored_total", "Samples written to the database.")
        refusedBatches = counter("batches_refused_total", "Batches refused because the write queue was full or closed.")
        rejected = Dictionary(
            uniqueKeysWithValues: WriteOutcome.Rejection.allCases.map {
                ($0, counter("samples_rejected_total", "Samples that were not stored.", [("reason", $0.rawValue)]))
            })
        corrupt = Dictionary(
            uniqueKeysWithValues: Family.allCases.map {
                ($0, counter("corrupt_values_total", "Stored values that could not be read.", [("family", $0.name)]))
            })
        syncFailures = counter("log_sync_failures_total", "Failed syncs of the write-ahead log.")
        maintenanceFailures = counter("maintenance_failures_total", "Maintenance steps that failed and are retried.")
        sealedBlocks = counter("blocks_sealed_total", "Blocks written as chunks.")
        expiredBlocks = counter("blocks_expired_total", "Blocks deleted at the end of their retention.")
        foldedBlocks = counter("blocks_folded_total", "Blocks whose late chunks were merged into one per series.")
        series = gauge("series", "Series with at least one sample.")
        namespaces = gauge("namespaces", "Namespaces: the unaggregated one and one per storage policy.")
        openSamples = gauge("open_samples", "Samples of blocks that are not sealed.")
        openBytes = gauge("open_bytes", "Memory of blocks that are not sealed.")
        openBlocks = gauge("open_blocks", "Blocks that are not sealed.")
        sealedBlockCount = gauge("sealed_blocks", "Blocks on disk.")
        diskBytes = gauge("disk_bytes", "Size of the database files, without the write-ahead log.")
        readSeconds = registry.histogram("m3agg_storage_read_seconds", help: "Duration of reads.")
        commitSeconds = registry.histogram("m3agg_storage_commit_seconds", help: "Duration of group commits.")
    }

    func countCorrupt(_ family: Family) { corrupt[family]?.add() }

    func count(_ outcome: WriteOutcome) {
        ingested.add(outcome.stored &+ outcome.rejectedTotal)
        stored.add(outcome.stored)
        for (reason, count) in outcome.rejected { rejected[reason]?.add(count) }
    }
}
