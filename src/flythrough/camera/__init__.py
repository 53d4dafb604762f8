"""Camera paths: poses, intrinsics, rays, keys, presets and keyframes. The value everybody passes on is
`flythrough.camera.path.CameraPath`."""
