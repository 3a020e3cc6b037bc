// The only import of sharp, and the process-wide settings of the libvips below it. Not the pipeline (preprocess.ts).

import sharp from 'sharp';

// Memory grows without bound on glibc with libvips' own threads and its cache of operations (lovell/sharp#955, #2607);
// parallelism comes from several processes instead (src/embed).
sharp.cache(false);
sharp.concurrency(1);

// Whatever gets past the sniffer, only these six loaders can run: no SVG (fetches, scripts), no PDF, nothing from a path.
// Ultra HDR JPEGs fall to the plain JPEG loader: their standard rendition is what every other program shows.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((name) => `VipsForeignLoad${name}Buffer`),
});

export { sharp };
