import Metrics
import Testing

@testable import WireFormat

@Suite struct TimedTemplateTests {
    private static let times: [Int64] = [
        0, 1, -1, (1 << 56) - 1, 1 << 56, 1_700_000_000_000_000_000, .max, .min,
    ]
    private static let values: [Double] = [0, -0.0, 1, -1.5, .nan, .infinity, .leastNonzeroMagnitude]

    private func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        body(&writer)
        return writer.array()
    }

    @Test(arguments: [0, 1, 100, 200, 20_000], [0, 3, 130])
    func aTemplateGivesTheBytesOfTheWholeMessage(idCount: Int, annotationCount: Int) {
        let id = [UInt8](repeating: 7, count: idCount)
        let annotation = [UInt8](repeating: 8, count: annotationCount)
        for metadataCount in [0, 5, 127, 128, 300] {
            let metadatas = [UInt8](repeating: 9, count: metadataCount)
            for type in [MetricType.gauge, .timer] {
                var templates = ByteWriter()
                // Something stands in front of a template where several share their bytes.
                templates.append(contentsOf: [1, 2, 3])
                let template = MetricWriter.appendTimedTemplate(
                    type: type, id: id.span.bytes, annotation: annotation.span.bytes, metadatas: metadatas.span.bytes,
                    to: &templates)
                let bytes = templates.array()
                bytes.withUnsafeBytes { source in
                    #expect(Array(source.part(template.id)) == id)
                    #expect(Array(source.part(template.annotation)) == annotation)
                    #expect(Array(source.part(template.metadatas)) == metadatas)
                }
                for time in Self.times {
                    for value in Self.values {
                        let filled = written { writer in
                            bytes.withUnsafeBytes {
                                MetricWriter.appendTimed(
                                    template, of: $0, type: type, timeNanos: time, value: value, to: &writer)
                            }
                        }
                        let whole = written {
                            MetricWriter.appendTimed(
                                type: type, id: id.span.bytes, timeNanos: time, value: value,
                                annotation: annotation.span.bytes, metadatas: metadatas.span.bytes, to: &$0)
                        }
                        #expect(filled == whole, "time \(time), value \(value)")
                    }
                }
            }
        }
    }
}
