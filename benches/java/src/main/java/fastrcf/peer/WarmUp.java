package fastrcf.peer;

import java.util.Arrays;
import java.util.function.Function;

/**
 * Repeats a work until it takes the same time again and again: then the JVM has compiled what it
 * will compile.
 */
final class WarmUp {
    /** Nanoseconds of one repetition, at least. */
    private static final long REPETITION = 200_000_000L;

    /** Repetitions in a row that have to agree, and the largest of their times over the least. */
    private static final int ALIKE = 3;

    private static final double WITHIN = 1.03;

    /** Fewer repetitions may agree because nothing has been compiled yet. */
    private static final int LEAST = 5;

    /** Rows of one call of the work. */
    private static final int STEP = 32;

    private final float[][] rows;
    private int next;

    /**
     * Takes the rows that the work is done on, from the first again after the last.
     *
     * @param rows at least one; works that learn should find them new, so there should be many
     */
    WarmUp(float[][] rows) {
        if (rows.length == 0) {
            throw new IllegalArgumentException("no rows to warm up with");
        }
        this.rows = rows;
    }

    /**
     * Repeats the work.
     *
     * @param work done on some rows
     * @param most nanoseconds on the wall after which it is given up
     * @return {@code ok WALL CPU REPETITIONS AGREED}, the last one 1 or 0
     */
    String run(Function<float[][], Timed> work, long most) {
        long began = System.nanoTime();
        long cpu = 0;
        int done = 0;
        double[] latest = new double[ALIKE];
        boolean agreed = false;
        while (!agreed && System.nanoTime() - began < most) {
            long taken = 0;
            long seen = 0;
            while (taken < REPETITION) {
                float[][] some = some();
                taken += work.apply(some).cpu();
                seen += some.length;
            }
            cpu += taken;
            latest[done % ALIKE] = (double) taken / seen;
            done++;
            agreed = done >= LEAST && spread(latest) <= WITHIN;
        }
        return "ok\t" + (System.nanoTime() - began) + "\t" + cpu + "\t" + done + "\t"
                + (agreed ? 1 : 0);
    }

    private float[][] some() {
        int end = Math.min(next + STEP, rows.length);
        float[][] some = Arrays.copyOfRange(rows, next, end);
        next = end == rows.length ? 0 : end;
        return some;
    }

    private static double spread(double[] times) {
        return Arrays.stream(times).max().orElseThrow() / Arrays.stream(times).min().orElseThrow();
    }
}
