import Metrics
import TestKit
import Testing
import WireFormat

/// Payloads that M3 wrote, spelled out field by field.
@Suite struct ByteExampleTests {
    private let tenSeconds = StoragePolicy(
        resolutionNanos: 10_000_000_000, precisionNanos: 1_000_000_000, retentionNanos: 172_800_000_000_000)

    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func aggregatedMetricWithoutTypeKeepsAnEmptyRoutingPolicy() {
        let id = text("foo")
        let policy = MetadataCodec.encode(tenSeconds)
        let payload = written {
            AggregatedMetricWriter.append(
                id: id.span.bytes, timeNanos: 1_700_000_000_000_000_000, value: 1.5, policy: policy.span.bytes, to: &$0)
        }
        #expect(
            payload.hex == "0a360a181203666f6f188080a8b1e39fe7cb1721000000000000f83f12180a0c0880c8afa025108094ebdc03"
                + "1208088080f89492a5271a00")
    }

    @Test(arguments: [0, -0.0])
    func zeroOfEitherSignIsLeftOut(value: Double) {
        let id = text("foo")
        let annotation = text("x")
        let policy = MetadataCodec.encode(tenSeconds)
        let payload = written {
            AggregatedMetricWriter.append(
                id: id.span.bytes, timeNanos: 1_700_000_000_000_000_000, value: value,
                annotation: annotation.span.bytes, policy: policy.span.bytes, routingTrafficTypes: 3, to: &$0)
        }
        #expect(
            payload.hex == "0a320a121203666f6f188080a8b1e39fe7cb172a017812180a0c0880c8afa025108094ebdc031208088080f8"
                + "9492a5271a020803")
    }

    @Test func counterWithDefaultMetadatas() {
        let id = text("foo")
        let metadatas = MetadataCodec.encode([StagedMetadata(pipelines: [PipelineMetadata()])])
        let payload = written {
            MetricWriter.appendCounter(
                id: id.span.bytes, value: 7, clientTimeNanos: 5, metadatas: metadatas.span.bytes, to: &$0)
        }
        #expect(payload.hex == "080112190a090a03666f6f10072005120c0a0a1a080a060a001a003200")
    }

    @Test func gaugeWithAPipelineOfTwoSteps() {
        let id = text("g")
        let pipeline = PipelineMetadata(
            aggregationID: AggregationID([.last]), storagePolicies: [tenSeconds],
            pipeline: AppliedPipeline([
                .transformation(.increase), .rollup(id: text("r"), aggregationID: AggregationID([.sum])),
            ]), resendEnabled: true)
        let metadatas = MetadataCodec.encode([StagedMetadata(pipelines: [pipeline])])
        let payload = written {
            MetricWriter.appendGauge(id: id.span.bytes, value: 2.5, metadatas: metadatas.span.bytes, to: &$0)
        }
        #expect(
            payload.hex == "080322560a0c0a016711000000000000044012460a441a420a400a02080212180a0c0880c8afa025108094eb"
                + "dc031208088080f89492a5271a1c0a0a0801120208031a0212000a0e080212001a080a0172120308800128013200")
    }

    @Test func batchTimer() {
        let id = text("t")
        let values: [Double] = [1, 2]
        let metadatas = MetadataCodec.encode([StagedMetadata(pipelines: [PipelineMetadata()])])
        let payload = written {
            MetricWriter.appendBatchTimer(
                id: id.span.bytes, values: values.span, metadatas: metadatas.span.bytes, to: &$0)
        }
        #expect(
            payload.hex
                == "08021a250a150a01741210000000000000f03f0000000000000040120c0a0a1a080a060a001a003200")
    }

    @Test func forwardedGaugeThatIsSentAgain() {
        let id = text("r")
        let values: [Double] = [5]
        let prevValues: [Double] = [0]
        let metadata = MetadataCodec.encode(
            ForwardMetadata(
                aggregationID: AggregationID([.sum]), storagePolicy: tenSeconds, pipeline: AppliedPipeline(),
                sourceID: 7, numForwardedTimes: 1, resendEnabled: true))
        let payload = written {
            MetricWriter.appendForwarded(
                type: .gauge, id: id.span.bytes, timeNanos: 1_020_000_000_000, values: values.span,
                prevValues: prevValues.span, version: 1, metadata: metadata.span.bytes, to: &$0)
        }
        #expect(
            payload.hex == "08042a4f0a2208031201721880b0f3e5d71d220800000000000014403208000000000000000038011229"
                + "0a0308800112180a0c0880c8afa025108094ebdc031208088080f89492a5271a002007280130013a00")
    }

    @Test func timedGaugeWithOnePolicy() {
        let id = text("g")
        let metadata = MetadataCodec.encode(
            TimedMetadata(aggregationID: AggregationID([.sum]), storagePolicy: tenSeconds))
        let payload = written {
            MetricWriter.appendTimed(
                type: .gauge, id: id.span.bytes, timeNanos: 995_000_000_000, value: -1,
                metadata: metadata.span.bytes, to: &$0)
        }
        #expect(
            payload.hex == "0805323a0a1508031201671880bcfcd4fa1c21000000000000f0bf12210a0308800112180a0c0880c8afa025"
                + "108094ebdc031208088080f89492a5271a00")
    }
}
