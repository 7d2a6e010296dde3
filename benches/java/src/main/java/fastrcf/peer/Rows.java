package fastrcf.peer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Rows and scores as plain little-endian files without a header. */
final class Rows {
    private Rows() {}

    /**
     * Reads rows of float32.
     *
     * @param path row-major file whose length is a multiple of 4 * width bytes
     * @param width columns of a row, at least 1
     * @throws IOException if the file cannot be read or is no whole number of rows
     */
    static float[][] read(Path path, int width) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        if (bytes.length % (4L * width) != 0) {
            throw new IOException(
                    path + ": " + bytes.length + " bytes are no whole rows of " + width + " float32");
        }
        var floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        float[][] rows = new float[bytes.length / (4 * width)][width];
        for (float[] row : rows) {
            floats.get(row);
        }
        return rows;
    }

    /**
     * Reads a series of float64.
     *
     * @param path file whose length is a multiple of 8 bytes
     * @throws IOException if the file cannot be read or is no whole number of values
     */
    static double[] series(Path path) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        if (bytes.length % 8 != 0) {
            throw new IOException(path + ": " + bytes.length + " bytes are no whole float64 values");
        }
        double[] values = new double[bytes.length / 8];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(values);
        return values;
    }

    /** Writes scores as float64. */
    static void write(Path path, double[] scores) throws IOException {
        var bytes = ByteBuffer.allocate(8 * scores.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(scores);
        Files.write(path, bytes.array());
    }
}
