import Metrics
import Rules
import Storage
import WireFormat

/// Works out what becomes of a series: the slow path, taken once per series and change of rules.
struct SeriesPlanner {
    private static let internalPrefix = Array("__m3".utf8)

    let rules: RuleSet
    let options: DownsamplerOptions

    /// - Parameters:
    ///   - hash: of the key, for the cache.
    ///   - key: the bytes by which the cache knows the series.
    /// - Throws: ``MetricsError`` when an id that a rule makes is too long.
    func plan(
        _ labels: Labels, attributes: SeriesAttributes, hash: UInt64, key: UnsafeRawBufferPointer
    ) throws(MetricsError) -> SeriesPlan {
        var tags = tags(labels, attributes)
        let match = rules.match(tags)
        tags.swapRemove(prefix: Self.internalPrefix)
        let planned = try PlannedOutputs(
            match, labels: OutputLabels(pairs: tags.pairs), type: attributes.metricType,
            autoMappingPolicies: options.autoMappingPolicies)
        let annotation =
            options.storesMetricTypes
            ? SeriesAnnotation.encode(attributes, metricName: labels.value(of: "__name__").map { Array($0) } ?? [])
            : []
        return assemble(planned, labels, attributes, annotation, hash: hash, key: key)
    }

    /// The labels and the type labels that only filters see, sorted.
    private func tags(_ labels: Labels, _ attributes: SeriesAttributes) -> TagList {
        var tags = TagList()
        func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            tags.append(name: name, value: value)
        }
        labels.forEach(add)
        if attributes.source == .graphite {
            tags.append(name: "__option_id_scheme__".utf8, value: "graphite".utf8)
        }
        tags.append(name: "__m3_type__".utf8, value: attributes.metricType.name.utf8)
        tags.append(name: "__m3_prom_type__".utf8, value: attributes.prometheusType.name.utf8)
        tags.sort()
        return tags
    }

    private func assemble(
        _ planned: PlannedOutputs, _ labels: Labels, _ attributes: SeriesAttributes, _ annotation: [UInt8],
        hash: UInt64, key: UnsafeRawBufferPointer
    ) -> SeriesPlan {
        var writer = ByteWriter(capacity: key.count + planned.outputs.count * 256)
        writer.append(contentsOf: key)
        let messages = planned.outputs.map { output in
            let metadatas = MetadataCodec.encode(output.metadatas)
            return SeriesPlan.Message(
                shard: Murmur3.hash32(output.id) % options.numShards, type: output.type,
                template: MetricWriter.appendTimedTemplate(
                    type: output.type, id: output.id.span.bytes, annotation: annotation.span.bytes,
                    metadatas: metadatas.span.bytes, to: &writer))
        }
        return SeriesPlan(
            hash: hash, attributes: attributes, bytes: writer.array(), key: 0..<key.count,
            series: SeriesReference(canonicalLabels: labels.encoded), messages: messages,
            storesSamples: !planned.dropPolicyWasMet, isUntimed: planned.isUntimed)
    }
}
