import{A as e,B as t,C as n,D as r,E as i,F as a,H as o,I as s,L as c,M as l,N as u,O as d,P as f,R as p,S as m,T as h,U as g,V as _,W as v,_ as y,a as b,b as x,c as S,d as ee,dispose as C,f as w,g as T,h as te,i as E,j as ne,k as re,l as D,m as ie,n as O,o as ae,p as k,r as oe,s as se,t as A,u as ce,v as le,w as ue,x as de,y as fe,z as j}from"./setting-DkPe92Q-.js";import{i as pe,n as me,r as he,t as ge}from"./index-DHNyoY09.js";var _e={type:`change`},ve={type:`start`},ye={type:`end`},be=new ne,xe=new d,Se=Math.cos(70*de.DEG2RAD),M=new o,N=2*Math.PI,P={NONE:-1,ROTATE:0,DOLLY:1,PAN:2,TOUCH_ROTATE:3,TOUCH_PAN:4,TOUCH_DOLLY_PAN:5,TOUCH_DOLLY_ROTATE:6},Ce=1e-6,we=class extends S{constructor(t,n=null){super(t,n),this.state=P.NONE,this.target=new o,this.cursor=new o,this.minDistance=0,this.maxDistance=1/0,this.minZoom=0,this.maxZoom=1/0,this.minTargetRadius=0,this.maxTargetRadius=1/0,this.minPolarAngle=0,this.maxPolarAngle=Math.PI,this.minAzimuthAngle=-1/0,this.maxAzimuthAngle=1/0,this.enableDamping=!1,this.dampingFactor=.05,this.enableZoom=!0,this.zoomSpeed=1,this.enableRotate=!0,this.rotateSpeed=1,this.keyRotateSpeed=1,this.enablePan=!0,this.panSpeed=1,this.screenSpacePanning=!0,this.keyPanSpeed=7,this.zoomToCursor=!1,this.autoRotate=!1,this.autoRotateSpeed=2,this.keys={LEFT:`ArrowLeft`,UP:`ArrowUp`,RIGHT:`ArrowRight`,BOTTOM:`ArrowDown`},this.mouseButtons={LEFT:x.ROTATE,MIDDLE:x.DOLLY,RIGHT:x.PAN},this.touches={ONE:p.ROTATE,TWO:p.DOLLY_PAN},this.target0=this.target.clone(),this.position0=this.object.position.clone(),this.zoom0=this.object.zoom,this._cursorStyle=`auto`,this._domElementKeyEvents=null,this._lastPosition=new o,this._lastQuaternion=new e,this._lastTargetPosition=new o,this._quat=new e().setFromUnitVectors(t.up,new o(0,1,0)),this._quatInverse=this._quat.clone().invert(),this._spherical=new c,this._sphericalDelta=new c,this._scale=1,this._panOffset=new o,this._rotateStart=new _,this._rotateEnd=new _,this._rotateDelta=new _,this._panStart=new _,this._panEnd=new _,this._panDelta=new _,this._dollyStart=new _,this._dollyEnd=new _,this._dollyDelta=new _,this._dollyDirection=new o,this._mouse=new _,this._performCursorZoom=!1,this._pointers=[],this._pointerPositions={},this._controlActive=!1,this._onPointerMove=Ee.bind(this),this._onPointerDown=Te.bind(this),this._onPointerUp=De.bind(this),this._onContextMenu=Pe.bind(this),this._onMouseWheel=Ae.bind(this),this._onKeyDown=je.bind(this),this._onTouchStart=Me.bind(this),this._onTouchMove=Ne.bind(this),this._onMouseDown=Oe.bind(this),this._onMouseMove=ke.bind(this),this._interceptControlDown=Fe.bind(this),this._interceptControlUp=Ie.bind(this),this.domElement!==null&&this.connect(this.domElement),this.update()}set cursorStyle(e){this._cursorStyle=e,e===`grab`?this.domElement.style.cursor=`grab`:this.domElement.style.cursor=`auto`}get cursorStyle(){return this._cursorStyle}connect(e){super.connect(e),this.domElement.addEventListener(`pointerdown`,this._onPointerDown),this.domElement.addEventListener(`pointercancel`,this._onPointerUp),this.domElement.addEventListener(`contextmenu`,this._onContextMenu),this.domElement.addEventListener(`wheel`,this._onMouseWheel,{passive:!1}),this.domElement.ownerDocument.addEventListener(`keydown`,this._interceptControlDown,{passive:!0,capture:!0}),this.domElement.style.touchAction=`none`}disconnect(){this.state=P.NONE,this.domElement.removeEventListener(`pointerdown`,this._onPointerDown),this.domElement.ownerDocument.removeEventListener(`pointermove`,this._onPointerMove),this.domElement.ownerDocument.removeEventListener(`pointerup`,this._onPointerUp),this.domElement.removeEventListener(`pointercancel`,this._onPointerUp),this.domElement.removeEventListener(`wheel`,this._onMouseWheel),this.domElement.removeEventListener(`contextmenu`,this._onContextMenu),this.stopListenToKeyEvents(),this.domElement.ownerDocument.removeEventListener(`keydown`,this._interceptControlDown,{capture:!0}),this.domElement.ownerDocument.removeEventListener(`keyup`,this._interceptControlUp,{capture:!0}),this._controlActive=!1,this._pointers.length=0,this._pointerPositions={},this.domElement.style.touchAction=``,this.domElement.style.cursor=`auto`}dispose(){this.disconnect()}getPolarAngle(){return this._spherical.phi}getAzimuthalAngle(){return this._spherical.theta}getDistance(){return this.object.position.distanceTo(this.target)}listenToKeyEvents(e){e.addEventListener(`keydown`,this._onKeyDown),this._domElementKeyEvents=e}stopListenToKeyEvents(){this._domElementKeyEvents!==null&&(this._domElementKeyEvents.removeEventListener(`keydown`,this._onKeyDown),this._domElementKeyEvents=null)}saveState(){this.target0.copy(this.target),this.position0.copy(this.object.position),this.zoom0=this.object.zoom}reset(){this.target.copy(this.target0),this.object.position.copy(this.position0),this.object.zoom=this.zoom0,this.object.updateProjectionMatrix(),this.dispatchEvent(_e),this.update(),this.state=P.NONE}pan(e,t){this._pan(e,t),this.update()}dollyIn(e){this._dollyIn(e),this.update()}dollyOut(e){this._dollyOut(e),this.update()}rotateLeft(e){this._rotateLeft(e),this.update()}rotateUp(e){this._rotateUp(e),this.update()}update(e=null){let t=this.object.position;M.copy(t).sub(this.target),M.applyQuaternion(this._quat),this._spherical.setFromVector3(M),this.autoRotate&&this.state===P.NONE&&this._rotateLeft(this._getAutoRotationAngle(e)),this.enableDamping?(this._spherical.theta+=this._sphericalDelta.theta*this.dampingFactor,this._spherical.phi+=this._sphericalDelta.phi*this.dampingFactor):(this._spherical.theta+=this._sphericalDelta.theta,this._spherical.phi+=this._sphericalDelta.phi);let n=this.minAzimuthAngle,r=this.maxAzimuthAngle;isFinite(n)&&isFinite(r)&&(n<-Math.PI?n+=N:n>Math.PI&&(n-=N),r<-Math.PI?r+=N:r>Math.PI&&(r-=N),n<=r?this._spherical.theta=Math.max(n,Math.min(r,this._spherical.theta)):this._spherical.theta=this._spherical.theta>(n+r)/2?Math.max(n,this._spherical.theta):Math.min(r,this._spherical.theta)),this._spherical.phi=Math.max(this.minPolarAngle,Math.min(this.maxPolarAngle,this._spherical.phi)),this._spherical.makeSafe(),this.enableDamping===!0?this.target.addScaledVector(this._panOffset,this.dampingFactor):this.target.add(this._panOffset),this.target.sub(this.cursor),this.target.clampLength(this.minTargetRadius,this.maxTargetRadius),this.target.add(this.cursor);let i=!1;if(this.zoomToCursor&&this._performCursorZoom||this.object.isOrthographicCamera)this._spherical.radius=this._clampDistance(this._spherical.radius);else{let e=this._spherical.radius;this._spherical.radius=this._clampDistance(this._spherical.radius*this._scale),i=e!=this._spherical.radius}if(M.setFromSpherical(this._spherical),M.applyQuaternion(this._quatInverse),t.copy(this.target).add(M),this.object.lookAt(this.target),this.enableDamping===!0?(this._sphericalDelta.theta*=1-this.dampingFactor,this._sphericalDelta.phi*=1-this.dampingFactor,this._panOffset.multiplyScalar(1-this.dampingFactor)):(this._sphericalDelta.set(0,0,0),this._panOffset.set(0,0,0)),this.zoomToCursor&&this._performCursorZoom){let e=null;if(this.object.isPerspectiveCamera){let t=M.length();e=this._clampDistance(t*this._scale);let n=t-e;this.object.position.addScaledVector(this._dollyDirection,n),this.object.updateMatrixWorld(),i=!!n}else if(this.object.isOrthographicCamera){let t=new o(this._mouse.x,this._mouse.y,0);t.unproject(this.object);let n=this.object.zoom;this.object.zoom=Math.max(this.minZoom,Math.min(this.maxZoom,this.object.zoom/this._scale)),this.object.updateProjectionMatrix(),i=n!==this.object.zoom;let r=new o(this._mouse.x,this._mouse.y,0);r.unproject(this.object),this.object.position.sub(r).add(t),this.object.updateMatrixWorld(),e=M.length()}else console.warn(`WARNING: OrbitControls.js encountered an unknown camera type - zoom to cursor disabled.`),this.zoomToCursor=!1;e!==null&&(this.screenSpacePanning?this.target.set(0,0,-1).transformDirection(this.object.matrix).multiplyScalar(e).add(this.object.position):(be.origin.copy(this.object.position),be.direction.set(0,0,-1).transformDirection(this.object.matrix),Math.abs(this.object.up.dot(be.direction))<Se?this.object.lookAt(this.target):(xe.setFromNormalAndCoplanarPoint(this.object.up,this.target),be.intersectPlane(xe,this.target))))}else if(this.object.isOrthographicCamera){let e=this.object.zoom;this.object.zoom=Math.max(this.minZoom,Math.min(this.maxZoom,this.object.zoom/this._scale)),e!==this.object.zoom&&(this.object.updateProjectionMatrix(),i=!0)}return this._scale=1,this._performCursorZoom=!1,i||this._lastPosition.distanceToSquared(this.object.position)>Ce||8*(1-this._lastQuaternion.dot(this.object.quaternion))>Ce||this._lastTargetPosition.distanceToSquared(this.target)>Ce?(this.dispatchEvent(_e),this._lastPosition.copy(this.object.position),this._lastQuaternion.copy(this.object.quaternion),this._lastTargetPosition.copy(this.target),!0):!1}_getAutoRotationAngle(e){return e===null?N/60/60*this.autoRotateSpeed:N/60*this.autoRotateSpeed*e}_getZoomScale(e){let t=Math.abs(e*.01);return .95**(this.zoomSpeed*t)}_rotateLeft(e){this._sphericalDelta.theta-=e}_rotateUp(e){this._sphericalDelta.phi-=e}_panLeft(e,t){M.setFromMatrixColumn(t,0),M.multiplyScalar(-e),this._panOffset.add(M)}_panUp(e,t){this.screenSpacePanning===!0?M.setFromMatrixColumn(t,1):(M.setFromMatrixColumn(t,0),M.crossVectors(this.object.up,M)),M.multiplyScalar(e),this._panOffset.add(M)}_pan(e,t){let n=this.domElement;if(this.object.isPerspectiveCamera){let r=this.object.position;M.copy(r).sub(this.target);let i=M.length();i*=Math.tan(this.object.fov/2*Math.PI/180),this._panLeft(2*e*i/n.clientHeight,this.object.matrix),this._panUp(2*t*i/n.clientHeight,this.object.matrix)}else this.object.isOrthographicCamera?(this._panLeft(e*(this.object.right-this.object.left)/this.object.zoom/n.clientWidth,this.object.matrix),this._panUp(t*(this.object.top-this.object.bottom)/this.object.zoom/n.clientHeight,this.object.matrix)):(console.warn(`WARNING: OrbitControls.js encountered an unknown camera type - pan disabled.`),this.enablePan=!1)}_dollyOut(e){this.object.isPerspectiveCamera||this.object.isOrthographicCamera?this._scale/=e:(console.warn(`WARNING: OrbitControls.js encountered an unknown camera type - dolly/zoom disabled.`),this.enableZoom=!1)}_dollyIn(e){this.object.isPerspectiveCamera||this.object.isOrthographicCamera?this._scale*=e:(console.warn(`WARNING: OrbitControls.js encountered an unknown camera type - dolly/zoom disabled.`),this.enableZoom=!1)}_updateZoomParameters(e,t){if(!this.zoomToCursor)return;this._performCursorZoom=!0;let n=this.domElement.getBoundingClientRect(),r=e-n.left,i=t-n.top,a=n.width,o=n.height;this._mouse.x=r/a*2-1,this._mouse.y=-(i/o)*2+1,this._dollyDirection.set(this._mouse.x,this._mouse.y,1).unproject(this.object).sub(this.object.position).normalize()}_clampDistance(e){return Math.max(this.minDistance,Math.min(this.maxDistance,e))}_handleMouseDownRotate(e){this._rotateStart.set(e.clientX,e.clientY)}_handleMouseDownDolly(e){this._updateZoomParameters(e.clientX,e.clientY),this._dollyStart.set(e.clientX,e.clientY)}_handleMouseDownPan(e){this._panStart.set(e.clientX,e.clientY)}_handleMouseMoveRotate(e){this._rotateEnd.set(e.clientX,e.clientY),this._rotateDelta.subVectors(this._rotateEnd,this._rotateStart).multiplyScalar(this.rotateSpeed);let t=this.domElement;this._rotateLeft(N*this._rotateDelta.x/t.clientHeight),this._rotateUp(N*this._rotateDelta.y/t.clientHeight),this._rotateStart.copy(this._rotateEnd),this.update()}_handleMouseMoveDolly(e){this._dollyEnd.set(e.clientX,e.clientY),this._dollyDelta.subVectors(this._dollyEnd,this._dollyStart),this._dollyDelta.y>0?this._dollyOut(this._getZoomScale(this._dollyDelta.y)):this._dollyDelta.y<0&&this._dollyIn(this._getZoomScale(this._dollyDelta.y)),this._dollyStart.copy(this._dollyEnd),this.zoomToCursor&&(this._performCursorZoom=!0,this._dollyDirection.set(this._mouse.x,this._mouse.y,1).unproject(this.object).sub(this.object.position).normalize()),this.update()}_handleMouseMovePan(e){this._panEnd.set(e.clientX,e.clientY),this._panDelta.subVectors(this._panEnd,this._panStart).multiplyScalar(this.panSpeed),this._pan(this._panDelta.x,this._panDelta.y),this._panStart.copy(this._panEnd),this.update()}_handleMouseWheel(e){this._updateZoomParameters(e.clientX,e.clientY),e.deltaY<0?this._dollyIn(this._getZoomScale(e.deltaY)):e.deltaY>0&&this._dollyOut(this._getZoomScale(e.deltaY)),this.update()}_handleKeyDown(e){let t=!1;switch(e.code){case this.keys.UP:e.ctrlKey||e.metaKey||e.shiftKey?this.enableRotate&&this._rotateUp(N*this.keyRotateSpeed/this.domElement.clientHeight):this.enablePan&&this._pan(0,this.keyPanSpeed),t=!0;break;case this.keys.BOTTOM:e.ctrlKey||e.metaKey||e.shiftKey?this.enableRotate&&this._rotateUp(-N*this.keyRotateSpeed/this.domElement.clientHeight):this.enablePan&&this._pan(0,-this.keyPanSpeed),t=!0;break;case this.keys.LEFT:e.ctrlKey||e.metaKey||e.shiftKey?this.enableRotate&&this._rotateLeft(N*this.keyRotateSpeed/this.domElement.clientHeight):this.enablePan&&this._pan(this.keyPanSpeed,0),t=!0;break;case this.keys.RIGHT:e.ctrlKey||e.metaKey||e.shiftKey?this.enableRotate&&this._rotateLeft(-N*this.keyRotateSpeed/this.domElement.clientHeight):this.enablePan&&this._pan(-this.keyPanSpeed,0),t=!0}t&&(e.preventDefault(),this.update())}_handleTouchStartRotate(e){if(this._pointers.length===1)this._rotateStart.set(e.pageX,e.pageY);else{let t=this._getSecondPointerPosition(e),n=.5*(e.pageX+t.x),r=.5*(e.pageY+t.y);this._rotateStart.set(n,r)}}_handleTouchStartPan(e){if(this._pointers.length===1)this._panStart.set(e.pageX,e.pageY);else{let t=this._getSecondPointerPosition(e),n=.5*(e.pageX+t.x),r=.5*(e.pageY+t.y);this._panStart.set(n,r)}}_handleTouchStartDolly(e){let t=this._getSecondPointerPosition(e),n=e.pageX-t.x,r=e.pageY-t.y,i=Math.sqrt(n*n+r*r);this._dollyStart.set(0,i)}_handleTouchStartDollyPan(e){this.enableZoom&&this._handleTouchStartDolly(e),this.enablePan&&this._handleTouchStartPan(e)}_handleTouchStartDollyRotate(e){this.enableZoom&&this._handleTouchStartDolly(e),this.enableRotate&&this._handleTouchStartRotate(e)}_handleTouchMoveRotate(e){if(this._pointers.length==1)this._rotateEnd.set(e.pageX,e.pageY);else{let t=this._getSecondPointerPosition(e),n=.5*(e.pageX+t.x),r=.5*(e.pageY+t.y);this._rotateEnd.set(n,r)}this._rotateDelta.subVectors(this._rotateEnd,this._rotateStart).multiplyScalar(this.rotateSpeed);let t=this.domElement;this._rotateLeft(N*this._rotateDelta.x/t.clientHeight),this._rotateUp(N*this._rotateDelta.y/t.clientHeight),this._rotateStart.copy(this._rotateEnd)}_handleTouchMovePan(e){if(this._pointers.length===1)this._panEnd.set(e.pageX,e.pageY);else{let t=this._getSecondPointerPosition(e),n=.5*(e.pageX+t.x),r=.5*(e.pageY+t.y);this._panEnd.set(n,r)}this._panDelta.subVectors(this._panEnd,this._panStart).multiplyScalar(this.panSpeed),this._pan(this._panDelta.x,this._panDelta.y),this._panStart.copy(this._panEnd)}_handleTouchMoveDolly(e){let t=this._getSecondPointerPosition(e),n=e.pageX-t.x,r=e.pageY-t.y,i=Math.sqrt(n*n+r*r);this._dollyEnd.set(0,i),this._dollyDelta.set(0,(this._dollyEnd.y/this._dollyStart.y)**+this.zoomSpeed),this._dollyOut(this._dollyDelta.y),this._dollyStart.copy(this._dollyEnd);let a=(e.pageX+t.x)*.5,o=(e.pageY+t.y)*.5;this._updateZoomParameters(a,o)}_handleTouchMoveDollyPan(e){this.enableZoom&&this._handleTouchMoveDolly(e),this.enablePan&&this._handleTouchMovePan(e)}_handleTouchMoveDollyRotate(e){this.enableZoom&&this._handleTouchMoveDolly(e),this.enableRotate&&this._handleTouchMoveRotate(e)}_addPointer(e){this._pointers.push(e.pointerId)}_removePointer(e){delete this._pointerPositions[e.pointerId];for(let t=0;t<this._pointers.length;t++)if(this._pointers[t]==e.pointerId){this._pointers.splice(t,1);return}}_isTrackingPointer(e){for(let t=0;t<this._pointers.length;t++)if(this._pointers[t]==e.pointerId)return!0;return!1}_trackPointer(e){let t=this._pointerPositions[e.pointerId];t===void 0&&(t=new _,this._pointerPositions[e.pointerId]=t),t.set(e.pageX,e.pageY)}_getSecondPointerPosition(e){let t=e.pointerId===this._pointers[0]?this._pointers[1]:this._pointers[0];return this._pointerPositions[t]}_customWheelEvent(e){let t=e.deltaMode,n={clientX:e.clientX,clientY:e.clientY,deltaY:e.deltaY};switch(t){case 1:n.deltaY*=16;break;case 2:n.deltaY*=100}return e.ctrlKey&&!this._controlActive&&(n.deltaY*=10),n}};function Te(e){this.enabled!==!1&&(this._pointers.length===0&&(this.domElement.setPointerCapture(e.pointerId),this.domElement.ownerDocument.addEventListener(`pointermove`,this._onPointerMove),this.domElement.ownerDocument.addEventListener(`pointerup`,this._onPointerUp)),this._isTrackingPointer(e)||(this._addPointer(e),e.pointerType===`touch`?this._onTouchStart(e):this._onMouseDown(e),this._cursorStyle===`grab`&&(this.domElement.style.cursor=`grabbing`)))}function Ee(e){this.enabled!==!1&&(e.pointerType===`touch`?this._onTouchMove(e):this._onMouseMove(e))}function De(e){switch(this._removePointer(e),this._pointers.length){case 0:this.domElement.releasePointerCapture(e.pointerId),this.domElement.ownerDocument.removeEventListener(`pointermove`,this._onPointerMove),this.domElement.ownerDocument.removeEventListener(`pointerup`,this._onPointerUp),this.dispatchEvent(ye),this.state=P.NONE,this._cursorStyle===`grab`&&(this.domElement.style.cursor=`grab`);break;case 1:let t=this._pointers[0],n=this._pointerPositions[t];this._onTouchStart({pointerId:t,pageX:n.x,pageY:n.y})}}function Oe(e){let t;switch(e.button){case 0:t=this.mouseButtons.LEFT;break;case 1:t=this.mouseButtons.MIDDLE;break;case 2:t=this.mouseButtons.RIGHT;break;default:t=-1}switch(t){case x.DOLLY:if(this.enableZoom===!1)return;this._handleMouseDownDolly(e),this.state=P.DOLLY;break;case x.ROTATE:if(e.ctrlKey||e.metaKey||e.shiftKey){if(this.enablePan===!1)return;this._handleMouseDownPan(e),this.state=P.PAN}else{if(this.enableRotate===!1)return;this._handleMouseDownRotate(e),this.state=P.ROTATE}break;case x.PAN:if(e.ctrlKey||e.metaKey||e.shiftKey){if(this.enableRotate===!1)return;this._handleMouseDownRotate(e),this.state=P.ROTATE}else{if(this.enablePan===!1)return;this._handleMouseDownPan(e),this.state=P.PAN}break;default:this.state=P.NONE}this.state!==P.NONE&&this.dispatchEvent(ve)}function ke(e){switch(this.state){case P.ROTATE:if(this.enableRotate===!1)return;this._handleMouseMoveRotate(e);break;case P.DOLLY:if(this.enableZoom===!1)return;this._handleMouseMoveDolly(e);break;case P.PAN:if(this.enablePan===!1)return;this._handleMouseMovePan(e)}}function Ae(e){this.enabled!==!1&&this.enableZoom!==!1&&this.state===P.NONE&&(e.preventDefault(),this.dispatchEvent(ve),this._handleMouseWheel(this._customWheelEvent(e)),this.dispatchEvent(ye))}function je(e){this.enabled!==!1&&this._handleKeyDown(e)}function Me(e){switch(this._trackPointer(e),this._pointers.length){case 1:switch(this.touches.ONE){case p.ROTATE:if(this.enableRotate===!1){this.state=P.NONE;break}this._handleTouchStartRotate(e),this.state=P.TOUCH_ROTATE;break;case p.PAN:if(this.enablePan===!1){this.state=P.NONE;break}this._handleTouchStartPan(e),this.state=P.TOUCH_PAN;break;default:this.state=P.NONE}break;case 2:switch(this.touches.TWO){case p.DOLLY_PAN:if(this.enableZoom===!1&&this.enablePan===!1)return;this._handleTouchStartDollyPan(e),this.state=P.TOUCH_DOLLY_PAN;break;case p.DOLLY_ROTATE:if(this.enableZoom===!1&&this.enableRotate===!1)return;this._handleTouchStartDollyRotate(e),this.state=P.TOUCH_DOLLY_ROTATE;break;default:this.state=P.NONE}break;default:this.state=P.NONE}this.state!==P.NONE&&this.dispatchEvent(ve)}function Ne(e){switch(this._trackPointer(e),this.state){case P.TOUCH_ROTATE:if(this.enableRotate===!1)return;this._handleTouchMoveRotate(e),this.update();break;case P.TOUCH_PAN:if(this.enablePan===!1)return;this._handleTouchMovePan(e),this.update();break;case P.TOUCH_DOLLY_PAN:if(this.enableZoom===!1&&this.enablePan===!1)return;this._handleTouchMoveDollyPan(e),this.update();break;case P.TOUCH_DOLLY_ROTATE:if(this.enableZoom===!1&&this.enableRotate===!1)return;this._handleTouchMoveDollyRotate(e),this.update();break;default:this.state=P.NONE}}function Pe(e){this.enabled!==!1&&e.preventDefault()}function Fe(e){e.key===`Control`&&(this._controlActive=!0,this.domElement.ownerDocument.addEventListener(`keyup`,this._interceptControlUp,{passive:!0,capture:!0}))}function Ie(e){e.key===`Control`&&(this._controlActive=!1,this.domElement.ownerDocument.removeEventListener(`keyup`,this._interceptControlUp,{passive:!0,capture:!0}))}var Le=new m().makeRotationFromEuler(new ce(Math.PI,0,0));function Re(e){let t=he(e.yaw,e.pitch,e.roll),[n,r,i]=e.position;return new m().set(t[0],t[1],t[2],n,t[3],t[4],t[5],r,t[6],t[7],t[8],i,0,0,0,1)}function ze(e){return Le.clone().multiply(Re(e)).multiply(Le)}function Be(e){return Ve(Le.clone().multiply(e).multiply(Le))}function Ve(e){let t=e.elements,n=(e,n)=>t[4*n+e]??0,r=[n(0,0),n(0,1),n(0,2),n(1,0),n(1,1),n(1,2),n(2,0),n(2,1),n(2,2)];return{position:[n(0,3),n(1,3),n(2,3)],...ge(r)}}function He(e,t){Re(t).decompose(e.position,e.quaternion,new o)}function Ue(t,n){let r=Ve(new m().compose(t.position,new e().copy(t.quaternion),new o(1,1,1)));return{...r,yaw:pe(r.yaw,n.yaw),roll:pe(r.roll,n.roll)}}function We(e,t){return 360/Math.PI*Math.atan(Math.tan(e*Math.PI/360)/t)}var F=new l,I=new o,L=new o,R=new e,Ge={X:new o(1,0,0),Y:new o(0,1,0),Z:new o(0,0,1)},Ke={type:`change`},qe={type:`mouseDown`,mode:null},Je={type:`mouseUp`,mode:null},Ye={type:`objectChange`},Xe=class extends S{constructor(t,n=null){super(void 0,n);let r=new ut(this);this._root=r;let i=new dt;this._gizmo=i,r.add(i);let a=new ft;this._plane=a,r.add(a);let s=this;function c(e,t){let n=t;Object.defineProperty(s,e,{get:function(){return n===void 0?t:n},set:function(t){n!==t&&(n=t,a[e]=t,i[e]=t,s.dispatchEvent({type:e+`-changed`,value:t}),s.dispatchEvent(Ke))}}),s[e]=t,a[e]=t,i[e]=t}c(`camera`,t),c(`object`,void 0),c(`enabled`,!0),c(`axis`,null),c(`mode`,`translate`),c(`translationSnap`,null),c(`rotationSnap`,null),c(`scaleSnap`,null),c(`space`,`world`),c(`size`,1),this.viewport=null,c(`dragging`,!1),c(`showX`,!0),c(`showY`,!0),c(`showZ`,!0),c(`showXY`,!0),c(`showYZ`,!0),c(`showXZ`,!0),c(`showXYZE`,!0),c(`showE`,!0),c(`minX`,-1/0),c(`maxX`,1/0),c(`minY`,-1/0),c(`maxY`,1/0),c(`minZ`,-1/0),c(`maxZ`,1/0);let l=new o,u=new o,d=new e,f=new e,p=new o,m=new e,h=new o,g=new o,_=new o,v=new o;c(`worldPosition`,l),c(`worldPositionStart`,u),c(`worldQuaternion`,d),c(`worldQuaternionStart`,f),c(`cameraPosition`,p),c(`cameraQuaternion`,m),c(`pointStart`,h),c(`pointEnd`,g),c(`rotationAxis`,_),c(`rotationAngle`,0),c(`eye`,v),this._offset=new o,this._startNorm=new o,this._endNorm=new o,this._cameraScale=new o,this._parentPosition=new o,this._parentQuaternion=new e,this._parentQuaternionInv=new e,this._parentScale=new o,this._worldScaleStart=new o,this._worldQuaternionInv=new e,this._worldScale=new o,this._positionStart=new o,this._quaternionStart=new e,this._scaleStart=new o,this._getPointer=Ze.bind(this),this._onPointerDown=$e.bind(this),this._onPointerHover=Qe.bind(this),this._onPointerMove=et.bind(this),this._onPointerUp=tt.bind(this),n!==null&&this.connect(n)}connect(e){super.connect(e),this.domElement.addEventListener(`pointerdown`,this._onPointerDown),this.domElement.addEventListener(`pointermove`,this._onPointerHover),this.domElement.addEventListener(`pointerup`,this._onPointerUp),this.domElement.style.touchAction=`none`}disconnect(){this.domElement.removeEventListener(`pointerdown`,this._onPointerDown),this.domElement.removeEventListener(`pointermove`,this._onPointerHover),this.domElement.removeEventListener(`pointermove`,this._onPointerMove),this.domElement.removeEventListener(`pointerup`,this._onPointerUp),this.domElement.style.touchAction=``}getHelper(){return this._root}pointerHover(e){if(this.object===void 0||this.dragging===!0)return;e!==null&&F.setFromCamera(e,this.camera);let t=nt(this._gizmo.picker[this.mode],F);this.axis=t?t.object.name:null}pointerDown(e){if(!(this.object===void 0||this.dragging===!0||e!=null&&e.button!==0)&&this.axis!==null){e!==null&&F.setFromCamera(e,this.camera);let t=nt(this._plane,F,!0);t&&(this.object.updateMatrixWorld(),this.object.parent.updateMatrixWorld(),this._positionStart.copy(this.object.position),this._quaternionStart.copy(this.object.quaternion),this._scaleStart.copy(this.object.scale),this.object.matrixWorld.decompose(this.worldPositionStart,this.worldQuaternionStart,this._worldScaleStart),this.pointStart.copy(t.point).sub(this.worldPositionStart)),this.dragging=!0,qe.mode=this.mode,this.dispatchEvent(qe)}}pointerMove(e){let t=this.axis,n=this.mode,r=this.object,i=this.space;if(n===`scale`?i=`local`:(t===`E`||t===`XYZE`||t===`XYZ`)&&(i=`world`),r===void 0||t===null||this.dragging===!1||e!==null&&e.button!==-1)return;e!==null&&F.setFromCamera(e,this.camera);let a=nt(this._plane,F,!0);if(a){if(this.pointEnd.copy(a.point).sub(this.worldPositionStart),n===`translate`)this._offset.copy(this.pointEnd).sub(this.pointStart),i===`local`&&t!==`XYZ`&&this._offset.applyQuaternion(this._worldQuaternionInv),t.indexOf(`X`)===-1&&(this._offset.x=0),t.indexOf(`Y`)===-1&&(this._offset.y=0),t.indexOf(`Z`)===-1&&(this._offset.z=0),i===`local`&&t!==`XYZ`?this._offset.applyQuaternion(this._quaternionStart).divide(this._parentScale):this._offset.applyQuaternion(this._parentQuaternionInv).divide(this._parentScale),r.position.copy(this._offset).add(this._positionStart),this.translationSnap&&(i===`local`&&(r.position.applyQuaternion(R.copy(this._quaternionStart).invert()),t.search(`X`)!==-1&&(r.position.x=Math.round(r.position.x/this.translationSnap)*this.translationSnap),t.search(`Y`)!==-1&&(r.position.y=Math.round(r.position.y/this.translationSnap)*this.translationSnap),t.search(`Z`)!==-1&&(r.position.z=Math.round(r.position.z/this.translationSnap)*this.translationSnap),r.position.applyQuaternion(this._quaternionStart)),i===`world`&&(r.getWorldPosition(I),t.search(`X`)!==-1&&(I.x=Math.round(I.x/this.translationSnap)*this.translationSnap),t.search(`Y`)!==-1&&(I.y=Math.round(I.y/this.translationSnap)*this.translationSnap),t.search(`Z`)!==-1&&(I.z=Math.round(I.z/this.translationSnap)*this.translationSnap),r.position.copy(r.parent.worldToLocal(I)))),r.position.x=Math.max(this.minX,Math.min(this.maxX,r.position.x)),r.position.y=Math.max(this.minY,Math.min(this.maxY,r.position.y)),r.position.z=Math.max(this.minZ,Math.min(this.maxZ,r.position.z));else if(n===`scale`){if(t.search(`XYZ`)!==-1){let e=this.pointEnd.length()/this.pointStart.length();this.pointEnd.dot(this.pointStart)<0&&(e*=-1),L.set(e,e,e)}else I.copy(this.pointStart),L.copy(this.pointEnd),I.applyQuaternion(this._worldQuaternionInv),L.applyQuaternion(this._worldQuaternionInv),L.divide(I),t.search(`X`)===-1&&(L.x=1),t.search(`Y`)===-1&&(L.y=1),t.search(`Z`)===-1&&(L.z=1);r.scale.copy(this._scaleStart).multiply(L),this.scaleSnap&&(t.search(`X`)!==-1&&(r.scale.x=Math.round(r.scale.x/this.scaleSnap)*this.scaleSnap||this.scaleSnap),t.search(`Y`)!==-1&&(r.scale.y=Math.round(r.scale.y/this.scaleSnap)*this.scaleSnap||this.scaleSnap),t.search(`Z`)!==-1&&(r.scale.z=Math.round(r.scale.z/this.scaleSnap)*this.scaleSnap||this.scaleSnap))}else if(n===`rotate`){this._offset.copy(this.pointEnd).sub(this.pointStart);let e=20/this.worldPosition.distanceTo(I.setFromMatrixPosition(this.camera.matrixWorld)),n=!1;t===`XYZE`?(this.rotationAxis.copy(this._offset).cross(this.eye).normalize(),this.rotationAngle=this._offset.dot(I.copy(this.rotationAxis).cross(this.eye))*e):(t===`X`||t===`Y`||t===`Z`)&&(this.rotationAxis.copy(Ge[t]),I.copy(Ge[t]),i===`local`&&I.applyQuaternion(this.worldQuaternion),I.cross(this.eye),I.length()===0?n=!0:this.rotationAngle=this._offset.dot(I.normalize())*e),(t===`E`||n)&&(this.rotationAxis.copy(this.eye),this.rotationAngle=this.pointEnd.angleTo(this.pointStart),this._startNorm.copy(this.pointStart).normalize(),this._endNorm.copy(this.pointEnd).normalize(),this.rotationAngle*=this._endNorm.cross(this._startNorm).dot(this.eye)<0?1:-1),this.rotationSnap&&(this.rotationAngle=Math.round(this.rotationAngle/this.rotationSnap)*this.rotationSnap),i===`local`&&t!==`E`&&t!==`XYZE`?(r.quaternion.copy(this._quaternionStart),r.quaternion.multiply(R.setFromAxisAngle(this.rotationAxis,this.rotationAngle)).normalize()):(this.rotationAxis.applyQuaternion(this._parentQuaternionInv),r.quaternion.copy(R.setFromAxisAngle(this.rotationAxis,this.rotationAngle)),r.quaternion.multiply(this._quaternionStart).normalize())}this.dispatchEvent(Ke),this.dispatchEvent(Ye)}}pointerUp(e){(e===null||e.button===0)&&(this.dragging&&this.axis!==null&&(Je.mode=this.mode,this.dispatchEvent(Je)),this.dragging=!1,this.axis=null)}dispose(){this.disconnect(),this._root.dispose()}attach(e){return this.object=e,this._root.visible=!0,this}detach(){return this.object=void 0,this.axis=null,this._root.visible=!1,this}reset(){this.enabled&&this.dragging&&(this.object.position.copy(this._positionStart),this.object.quaternion.copy(this._quaternionStart),this.object.scale.copy(this._scaleStart),this.dispatchEvent(Ke),this.dispatchEvent(Ye),this.pointStart.copy(this.pointEnd))}getRaycaster(){return F}getMode(){return this.mode}setMode(e){this.mode=e}setTranslationSnap(e){this.translationSnap=e}setRotationSnap(e){this.rotationSnap=e}setScaleSnap(e){this.scaleSnap=e}setSize(e){this.size=e}setSpace(e){this.space=e}setColors(e,t,n,r){let i=this._gizmo.materialLib;i.xAxis.color.set(e),i.yAxis.color.set(t),i.zAxis.color.set(n),i.active.color.set(r),i.xAxisTransparent.color.set(e),i.yAxisTransparent.color.set(t),i.zAxisTransparent.color.set(n),i.activeTransparent.color.set(r),i.xAxis._color&&i.xAxis._color.set(e),i.yAxis._color&&i.yAxis._color.set(t),i.zAxis._color&&i.zAxis._color.set(n),i.active._color&&i.active._color.set(r),i.xAxisTransparent._color&&i.xAxisTransparent._color.set(e),i.yAxisTransparent._color&&i.yAxisTransparent._color.set(t),i.zAxisTransparent._color&&i.zAxisTransparent._color.set(n),i.activeTransparent._color&&i.activeTransparent._color.set(r)}};function Ze(e){if(this.domElement.ownerDocument.pointerLockElement)return{x:0,y:0,button:e.button};{let t=this.domElement.getBoundingClientRect(),n=this.viewport,r,i,a,o;return n===null?(r=0,i=0,a=t.width,o=t.height):(r=n.x,i=t.height-n.y-n.w,a=n.z,o=n.w),{x:(e.clientX-t.left-r)/a*2-1,y:-(e.clientY-t.top-i)/o*2+1,button:e.button}}}function Qe(e){if(this.enabled)switch(e.pointerType){case`mouse`:case`pen`:this.pointerHover(this._getPointer(e))}}function $e(e){this.enabled&&(document.pointerLockElement||this.domElement.setPointerCapture(e.pointerId),this.domElement.addEventListener(`pointermove`,this._onPointerMove),this.pointerHover(this._getPointer(e)),this.pointerDown(this._getPointer(e)))}function et(e){this.enabled&&this.pointerMove(this._getPointer(e))}function tt(e){this.enabled&&(this.domElement.releasePointerCapture(e.pointerId),this.domElement.removeEventListener(`pointermove`,this._onPointerMove),this.pointerUp(this._getPointer(e)))}function nt(e,t,n){let r=t.intersectObject(e,!0);for(let e=0;e<r.length;e++)if(r[e].object.visible||n)return r[e];return!1}var rt=new ce,z=new o(0,1,0),it=new o(0,0,0),at=new m,ot=new e,st=new e,B=new o,ct=new m,V=new o(1,0,0),H=new o(0,1,0),U=new o(0,0,1),lt=new o,W=new o,G=new o,ut=class extends h{constructor(e){super(),this.isTransformControlsRoot=!0,this.controls=e,this.visible=!1}updateMatrixWorld(e){let t=this.controls;t.object!==void 0&&(t.object.updateMatrixWorld(),t.object.parent===null?console.error(`TransformControls: The attached 3D object must be a part of the scene graph.`):t.object.parent.matrixWorld.decompose(t._parentPosition,t._parentQuaternion,t._parentScale),t.object.matrixWorld.decompose(t.worldPosition,t.worldQuaternion,t._worldScale),t._parentQuaternionInv.copy(t._parentQuaternion).invert(),t._worldQuaternionInv.copy(t.worldQuaternion).invert()),t.camera.updateMatrixWorld(),t.camera.matrixWorld.decompose(t.cameraPosition,t.cameraQuaternion,t._cameraScale),t.camera.isOrthographicCamera?t.camera.getWorldDirection(t.eye).negate():t.eye.copy(t.cameraPosition).sub(t.worldPosition).normalize(),this.parent&&(ct.copy(this.parent.matrixWorld).invert(),ct.decompose(this.position,this.quaternion,this.scale)),super.updateMatrixWorld(e)}dispose(){this.traverse(function(e){e.geometry&&e.geometry.dispose(),e.material&&e.material.dispose()})}},dt=class extends h{constructor(){super(),this.isTransformControlsGizmo=!0,this.type=`TransformControlsGizmo`;let e=new ue({depthTest:!1,depthWrite:!1,fog:!1,toneMapped:!1,transparent:!0}),t=new fe({depthTest:!1,depthWrite:!1,fog:!1,toneMapped:!1,transparent:!0}),r=e.clone();r.opacity=.15;let a=t.clone();a.opacity=.5;let o=e.clone();o.color.setHex(16711680);let c=e.clone();c.color.setHex(65280);let l=e.clone();l.color.setHex(255);let u=e.clone();u.color.setHex(16711680),u.opacity=.5;let d=e.clone();d.color.setHex(65280),d.opacity=.5;let f=e.clone();f.color.setHex(255),f.opacity=.5;let p=e.clone();p.opacity=.25;let m=e.clone();m.color.setHex(16776960),m.opacity=.25;let g=e.clone();g.color.setHex(16776960);let _=e.clone();_.color.setHex(7895160),this.materialLib={xAxis:o,yAxis:c,zAxis:l,active:g,xAxisTransparent:u,yAxisTransparent:d,zAxisTransparent:f,activeTransparent:m};let v=new D(0,.04,.1,12);v.translate(0,.05,0);let x=new b(.08,.08,.08);x.translate(0,.04,0);let S=new ae;S.setAttribute(`position`,new ee([0,0,0,1,0,0],3));let C=new D(.0075,.0075,.5,3);C.translate(0,.25,0);function w(e,t){let n=new j(e,.0075,3,64,t*Math.PI*2);return n.rotateY(Math.PI/2),n.rotateX(Math.PI/2),n}function T(){let e=new ae;return e.setAttribute(`position`,new ee([0,0,0,1,1,1],3)),e}let te={X:[[new n(v,o),[.5,0,0],[0,0,-Math.PI/2]],[new n(v,o),[-.5,0,0],[0,0,Math.PI/2]],[new n(C,o),[0,0,0],[0,0,-Math.PI/2]]],Y:[[new n(v,c),[0,.5,0]],[new n(v,c),[0,-.5,0],[Math.PI,0,0]],[new n(C,c)]],Z:[[new n(v,l),[0,0,.5],[Math.PI/2,0,0]],[new n(v,l),[0,0,-.5],[-Math.PI/2,0,0]],[new n(C,l),null,[Math.PI/2,0,0]]],XYZ:[[new n(new i(.1,0),p),[0,0,0]]],XY:[[new n(new b(.15,.15,.01),f),[.15,.15,0]]],YZ:[[new n(new b(.15,.15,.01),u),[0,.15,.15],[0,Math.PI/2,0]]],XZ:[[new n(new b(.15,.15,.01),d),[.15,0,.15],[-Math.PI/2,0,0]]]},E={X:[[new n(new D(.2,0,.6,4),r),[.3,0,0],[0,0,-Math.PI/2]],[new n(new D(.2,0,.6,4),r),[-.3,0,0],[0,0,Math.PI/2]]],Y:[[new n(new D(.2,0,.6,4),r),[0,.3,0]],[new n(new D(.2,0,.6,4),r),[0,-.3,0],[0,0,Math.PI]]],Z:[[new n(new D(.2,0,.6,4),r),[0,0,.3],[Math.PI/2,0,0]],[new n(new D(.2,0,.6,4),r),[0,0,-.3],[-Math.PI/2,0,0]]],XYZ:[[new n(new i(.2,0),r)]],XY:[[new n(new b(.2,.2,.01),r),[.15,.15,0]]],YZ:[[new n(new b(.2,.2,.01),r),[0,.15,.15],[0,Math.PI/2,0]]],XZ:[[new n(new b(.2,.2,.01),r),[.15,0,.15],[-Math.PI/2,0,0]]]},ne={START:[[new n(new i(.01,2),a),null,null,null,`helper`]],END:[[new n(new i(.01,2),a),null,null,null,`helper`]],DELTA:[[new y(T(),a),null,null,null,`helper`]],X:[[new y(S,a),[-1e3,0,0],null,[1e6,1,1],`helper`]],Y:[[new y(S,a),[0,-1e3,0],[0,0,Math.PI/2],[1e6,1,1],`helper`]],Z:[[new y(S,a),[0,0,-1e3],[0,-Math.PI/2,0],[1e6,1,1],`helper`]]},re={XYZE:[[new n(w(.5,1),_),null,[0,Math.PI/2,0]]],X:[[new n(w(.5,.5),o)]],Y:[[new n(w(.5,.5),c),null,[0,0,-Math.PI/2]]],Z:[[new n(w(.5,.5),l),null,[0,Math.PI/2,0]]],E:[[new n(w(.75,1),m),null,[0,Math.PI/2,0]]]},ie={AXIS:[[new y(S,a),[-1e3,0,0],null,[1e6,1,1],`helper`]]},O={XYZE:[[new n(new s(.25,10,8),r)]],X:[[new n(new j(.5,.1,4,24),r),[0,0,0],[0,-Math.PI/2,-Math.PI/2]]],Y:[[new n(new j(.5,.1,4,24),r),[0,0,0],[Math.PI/2,0,0]]],Z:[[new n(new j(.5,.1,4,24),r),[0,0,0],[0,0,-Math.PI/2]]],E:[[new n(new j(.75,.1,2,24),r)]]},k={X:[[new n(x,o),[.5,0,0],[0,0,-Math.PI/2]],[new n(C,o),[0,0,0],[0,0,-Math.PI/2]],[new n(x,o),[-.5,0,0],[0,0,Math.PI/2]]],Y:[[new n(x,c),[0,.5,0]],[new n(C,c)],[new n(x,c),[0,-.5,0],[0,0,Math.PI]]],Z:[[new n(x,l),[0,0,.5],[Math.PI/2,0,0]],[new n(C,l),[0,0,0],[Math.PI/2,0,0]],[new n(x,l),[0,0,-.5],[-Math.PI/2,0,0]]],XY:[[new n(new b(.15,.15,.01),f),[.15,.15,0]]],YZ:[[new n(new b(.15,.15,.01),u),[0,.15,.15],[0,Math.PI/2,0]]],XZ:[[new n(new b(.15,.15,.01),d),[.15,0,.15],[-Math.PI/2,0,0]]],XYZ:[[new n(new b(.1,.1,.1),p)]]},oe={X:[[new n(new D(.2,0,.6,4),r),[.3,0,0],[0,0,-Math.PI/2]],[new n(new D(.2,0,.6,4),r),[-.3,0,0],[0,0,Math.PI/2]]],Y:[[new n(new D(.2,0,.6,4),r),[0,.3,0]],[new n(new D(.2,0,.6,4),r),[0,-.3,0],[0,0,Math.PI]]],Z:[[new n(new D(.2,0,.6,4),r),[0,0,.3],[Math.PI/2,0,0]],[new n(new D(.2,0,.6,4),r),[0,0,-.3],[-Math.PI/2,0,0]]],XY:[[new n(new b(.2,.2,.01),r),[.15,.15,0]]],YZ:[[new n(new b(.2,.2,.01),r),[0,.15,.15],[0,Math.PI/2,0]]],XZ:[[new n(new b(.2,.2,.01),r),[.15,0,.15],[-Math.PI/2,0,0]]],XYZ:[[new n(new b(.2,.2,.2),r),[0,0,0]]]},se={X:[[new y(S,a),[-1e3,0,0],null,[1e6,1,1],`helper`]],Y:[[new y(S,a),[0,-1e3,0],[0,0,Math.PI/2],[1e6,1,1],`helper`]],Z:[[new y(S,a),[0,0,-1e3],[0,-Math.PI/2,0],[1e6,1,1],`helper`]]};function A(e){let t=new h;for(let n in e)for(let r=e[n].length;r--;){let i=e[n][r][0].clone(),a=e[n][r][1],o=e[n][r][2],s=e[n][r][3],c=e[n][r][4];i.name=n,i.tag=c,a&&i.position.set(a[0],a[1],a[2]),o&&i.rotation.set(o[0],o[1],o[2]),s&&i.scale.set(s[0],s[1],s[2]),i.updateMatrix();let l=i.geometry.clone();l.applyMatrix4(i.matrix),i.geometry=l,i.renderOrder=1/0,i.position.set(0,0,0),i.rotation.set(0,0,0),i.scale.set(1,1,1),t.add(i)}return t}this.gizmo={},this.picker={},this.helper={},this.add(this.gizmo.translate=A(te)),this.add(this.gizmo.rotate=A(re)),this.add(this.gizmo.scale=A(k)),this.add(this.picker.translate=A(E)),this.add(this.picker.rotate=A(O)),this.add(this.picker.scale=A(oe)),this.add(this.helper.translate=A(ne)),this.add(this.helper.rotate=A(ie)),this.add(this.helper.scale=A(se)),this.picker.translate.visible=!1,this.picker.rotate.visible=!1,this.picker.scale.visible=!1}updateMatrixWorld(e){let t=(this.mode===`scale`?`local`:this.space)===`local`?this.worldQuaternion:st;this.gizmo.translate.visible=this.mode===`translate`,this.gizmo.rotate.visible=this.mode===`rotate`,this.gizmo.scale.visible=this.mode===`scale`,this.helper.translate.visible=this.mode===`translate`,this.helper.rotate.visible=this.mode===`rotate`,this.helper.scale.visible=this.mode===`scale`;let n=[];n=n.concat(this.picker[this.mode].children),n=n.concat(this.gizmo[this.mode].children),n=n.concat(this.helper[this.mode].children);for(let e=0;e<n.length;e++){let r=n[e];r.visible=!0,r.rotation.set(0,0,0),r.position.copy(this.worldPosition);let i;if(i=this.camera.isOrthographicCamera?(this.camera.top-this.camera.bottom)/this.camera.zoom:this.worldPosition.distanceTo(this.cameraPosition)*Math.min(1.9*Math.tan(Math.PI*this.camera.fov/360)/this.camera.zoom,7),r.scale.set(1,1,1).multiplyScalar(i*this.size/4),r.tag===`helper`)r.visible=!1,r.name===`AXIS`?(r.visible=!!this.axis,this.axis===`X`&&(R.setFromEuler(rt.set(0,0,0)),r.quaternion.copy(t).multiply(R),Math.abs(z.copy(V).applyQuaternion(t).dot(this.eye))>.9&&(r.visible=!1)),this.axis===`Y`&&(R.setFromEuler(rt.set(0,0,Math.PI/2)),r.quaternion.copy(t).multiply(R),Math.abs(z.copy(H).applyQuaternion(t).dot(this.eye))>.9&&(r.visible=!1)),this.axis===`Z`&&(R.setFromEuler(rt.set(0,Math.PI/2,0)),r.quaternion.copy(t).multiply(R),Math.abs(z.copy(U).applyQuaternion(t).dot(this.eye))>.9&&(r.visible=!1)),this.axis===`XYZE`&&(R.setFromEuler(rt.set(0,Math.PI/2,0)),z.copy(this.rotationAxis),r.quaternion.setFromRotationMatrix(at.lookAt(it,z,H)),r.quaternion.multiply(R),r.visible=this.dragging),this.axis===`E`&&(r.visible=!1)):r.name===`START`?(r.position.copy(this.worldPositionStart),r.visible=this.dragging):r.name===`END`?(r.position.copy(this.worldPosition),r.visible=this.dragging):r.name===`DELTA`?(r.position.copy(this.worldPositionStart),r.quaternion.copy(this.worldQuaternionStart),I.set(1e-10,1e-10,1e-10).add(this.worldPositionStart).sub(this.worldPosition).multiplyScalar(-1),I.applyQuaternion(this.worldQuaternionStart.clone().invert()),r.scale.copy(I),r.visible=this.dragging):(r.quaternion.copy(t),this.dragging?r.position.copy(this.worldPositionStart):r.position.copy(this.worldPosition),this.axis&&(r.visible=this.axis.search(r.name)!==-1));else{if(r.quaternion.copy(t),this.mode===`translate`||this.mode===`scale`){let e=.99,n=.2;r.name===`X`&&Math.abs(z.copy(V).applyQuaternion(t).dot(this.eye))>e&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1),r.name===`Y`&&Math.abs(z.copy(H).applyQuaternion(t).dot(this.eye))>e&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1),r.name===`Z`&&Math.abs(z.copy(U).applyQuaternion(t).dot(this.eye))>e&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1),r.name===`XY`&&Math.abs(z.copy(U).applyQuaternion(t).dot(this.eye))<n&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1),r.name===`YZ`&&Math.abs(z.copy(V).applyQuaternion(t).dot(this.eye))<n&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1),r.name===`XZ`&&Math.abs(z.copy(H).applyQuaternion(t).dot(this.eye))<n&&(r.scale.set(1e-10,1e-10,1e-10),r.visible=!1)}else this.mode===`rotate`&&(ot.copy(t),z.copy(this.eye).applyQuaternion(R.copy(t).invert()),r.name.search(`E`)!==-1&&r.quaternion.setFromRotationMatrix(at.lookAt(this.eye,it,H)),r.name===`X`&&(R.setFromAxisAngle(V,Math.atan2(-z.y,z.z)),R.multiplyQuaternions(ot,R),r.quaternion.copy(R)),r.name===`Y`&&(R.setFromAxisAngle(H,Math.atan2(z.x,z.z)),R.multiplyQuaternions(ot,R),r.quaternion.copy(R)),r.name===`Z`&&(R.setFromAxisAngle(U,Math.atan2(z.y,z.x)),R.multiplyQuaternions(ot,R),r.quaternion.copy(R)));r.visible=r.visible&&(r.name.indexOf(`X`)===-1||this.showX),r.visible=r.visible&&(r.name.indexOf(`Y`)===-1||this.showY),r.visible=r.visible&&(r.name.indexOf(`Z`)===-1||this.showZ),r.visible=r.visible&&(r.name.indexOf(`E`)===-1||this.showX&&this.showY&&this.showZ),r.visible=r.visible&&(r.name.indexOf(`XY`)===-1||this.showXY),r.visible=r.visible&&(r.name.indexOf(`YZ`)===-1||this.showYZ),r.visible=r.visible&&(r.name.indexOf(`XZ`)===-1||this.showXZ),r.visible=r.visible&&(r.name!==`E`||this.showE),r.visible=r.visible&&(r.name!==`XYZE`||this.showXYZE),r.material._color=r.material._color||r.material.color.clone(),r.material._opacity=r.material._opacity||r.material.opacity,r.material.color.copy(r.material._color),r.material.opacity=r.material._opacity,this.enabled&&this.axis&&(r.name===this.axis||this.axis.split(``).some(function(e){return r.name===e}))&&(r.material.color.copy(this.materialLib.active.color),r.material.opacity=1)}}super.updateMatrixWorld(e)}},ft=class extends n{constructor(){super(new re(1e5,1e5,2,2),new ue({visible:!1,wireframe:!0,side:2,transparent:!0,opacity:.1,toneMapped:!1})),this.isTransformControlsPlane=!0,this.type=`TransformControlsPlane`}updateMatrixWorld(e){let t=this.space;switch(this.position.copy(this.worldPosition),this.mode===`scale`&&(t=`local`),lt.copy(V).applyQuaternion(t===`local`?this.worldQuaternion:st),W.copy(H).applyQuaternion(t===`local`?this.worldQuaternion:st),G.copy(U).applyQuaternion(t===`local`?this.worldQuaternion:st),z.copy(W),this.mode){case`translate`:case`scale`:switch(this.axis){case`X`:z.copy(this.eye).cross(lt),B.copy(lt).cross(z);break;case`Y`:z.copy(this.eye).cross(W),B.copy(W).cross(z);break;case`Z`:z.copy(this.eye).cross(G),B.copy(G).cross(z);break;case`XY`:B.copy(G);break;case`YZ`:B.copy(lt);break;case`XZ`:z.copy(G),B.copy(W);break;case`XYZ`:case`E`:B.set(0,0,0)}break;default:B.set(0,0,0)}B.length()===0?this.quaternion.copy(this.cameraQuaternion):(ct.lookAt(I.set(0,0,0),B,z),this.quaternion.setFromRotationMatrix(ct)),super.updateMatrixWorld(e)}},pt=class{controls;helper;proxy=new h;pose=null;dragging=!1;onMove=()=>{};onEnd=()=>{};constructor(e,t,n,r,i,a){this.controls=new Xe(e,t),this.controls.setSize(.8),this.controls.setColors(`#f2777c`,`#97c96b`,`#6cabf7`,`#ffb454`),this.helper=this.controls.getHelper(),n.add(this.proxy),r.add(this.helper),this.controls.addEventListener(`change`,a),this.controls.addEventListener(`dragging-changed`,e=>{this.dragging=e.value===!0,i.enabled=!this.dragging,this.dragging||this.onEnd()}),this.controls.addEventListener(`objectChange`,()=>{this.pose&&this.onMove(Ue(this.proxy,this.pose))})}set visible(e){this.helper.visible=e&&this.pose!==null}set enabled(e){this.controls.enabled=e}attach(e){this.pose=e,e?(this.dragging||He(this.proxy,e),this.controls.attach(this.proxy)):this.controls.detach()}setMode(e,t){this.controls.setMode(e),this.controls.setSpace(e===`rotate`?`local`:`world`),this.controls.setTranslationSnap(t?.25:null),this.controls.setRotationSnap(t?5*Math.PI/180:null)}get hot(){return this.controls.axis!==null}dispose(){this.controls.detach(),this.controls.dispose()}},mt=new E,ht=new o,gt=class extends ie{constructor(){super(),this.isLineSegmentsGeometry=!0,this.type=`LineSegmentsGeometry`,this.setIndex([0,2,1,2,3,1,2,4,3,4,5,3,4,6,5,6,7,5]),this.setAttribute(`position`,new ee([-1,2,0,1,2,0,-1,1,0,1,1,0,-1,0,0,1,0,0,-1,-1,0,1,-1,0],3)),this.setAttribute(`uv`,new ee([-1,2,1,2,-1,1,1,1,-1,-1,1,-1,-1,-2,1,-2],2))}applyMatrix4(e){let t=this.attributes.instanceStart,n=this.attributes.instanceEnd;return t!==void 0&&(t.applyMatrix4(e),n.applyMatrix4(e),t.needsUpdate=!0),this.boundingBox!==null&&this.computeBoundingBox(),this.boundingSphere!==null&&this.computeBoundingSphere(),this}setPositions(e){let t;e instanceof Float32Array?t=e:Array.isArray(e)&&(t=new Float32Array(e));let n=new te(t,6,1);return this.setAttribute(`instanceStart`,new T(n,3,0)),this.setAttribute(`instanceEnd`,new T(n,3,3)),this.instanceCount=this.attributes.instanceStart.count,this.computeBoundingBox(),this.computeBoundingSphere(),this}setColors(e){let t;e instanceof Float32Array?t=e:Array.isArray(e)&&(t=new Float32Array(e));let n=new te(t,6,1);return this.setAttribute(`instanceColorStart`,new T(n,3,0)),this.setAttribute(`instanceColorEnd`,new T(n,3,3)),this}fromWireframeGeometry(e){return this.setPositions(e.attributes.position.array),this}fromEdgesGeometry(e){return this.setPositions(e.attributes.position.array),this}fromMesh(e){return this.fromWireframeGeometry(new v(e.geometry)),this}fromLineSegments(e){let t=e.geometry;return this.setPositions(t.attributes.position.array),this}computeBoundingBox(){this.boundingBox===null&&(this.boundingBox=new E);let e=this.attributes.instanceStart,t=this.attributes.instanceEnd;e!==void 0&&t!==void 0&&(this.boundingBox.setFromBufferAttribute(e),mt.setFromBufferAttribute(t),this.boundingBox.union(mt))}computeBoundingSphere(){this.boundingSphere===null&&(this.boundingSphere=new a),this.boundingBox===null&&this.computeBoundingBox();let e=this.attributes.instanceStart,t=this.attributes.instanceEnd;if(e!==void 0&&t!==void 0){let n=this.boundingSphere.center;this.boundingBox.getCenter(n);let r=0;for(let i=0,a=e.count;i<a;i++)ht.fromBufferAttribute(e,i),r=Math.max(r,n.distanceToSquared(ht)),ht.fromBufferAttribute(t,i),r=Math.max(r,n.distanceToSquared(ht));this.boundingSphere.radius=Math.sqrt(r),isNaN(this.boundingSphere.radius)&&console.error(`THREE.LineSegmentsGeometry.computeBoundingSphere(): Computed radius is NaN. The instanced position data is likely to have NaN values.`,this)}}toJSON(){}};O.line={worldUnits:{value:1},linewidth:{value:1},resolution:{value:new _},dashOffset:{value:0},dashScale:{value:1},dashSize:{value:1},gapSize:{value:1}},A.line={uniforms:t.merge([O.common,O.fog,O.line]),vertexShader:`
		#include <common>
		#include <color_pars_vertex>
		#include <fog_pars_vertex>
		#include <logdepthbuf_pars_vertex>
		#include <clipping_planes_pars_vertex>

		uniform float linewidth;
		uniform vec2 resolution;

		attribute vec3 instanceStart;
		attribute vec3 instanceEnd;

		attribute vec3 instanceColorStart;
		attribute vec3 instanceColorEnd;

		#ifdef WORLD_UNITS

			varying vec4 worldPos;
			varying vec3 worldStart;
			varying vec3 worldEnd;

			#ifdef USE_DASH

				varying vec2 vUv;

			#endif

		#else

			varying vec2 vUv;

		#endif

		#ifdef USE_DASH

			uniform float dashScale;
			attribute float instanceDistanceStart;
			attribute float instanceDistanceEnd;
			varying float vLineDistance;

		#endif

		float trimSegmentAlpha( const in vec4 start, const in vec4 end ) {

			// compute the interpolation factor needed to trim the segment so it terminates
			// between the camera plane and the near plane

			// conservative estimate of the near plane
			float a = projectionMatrix[ 2 ][ 2 ]; // 3nd entry in 3th column
			float b = projectionMatrix[ 3 ][ 2 ]; // 3nd entry in 4th column

			// we need different nearEstimate formula for reversed and default depth buffer
			// a is positive with a reversed depth buffer so it can be used for controlling the code flow
			float nearEstimate = ( a > 0.0 ) ? ( - b / ( a + 1.0 ) ) : ( - 0.5 * b / a );

			return ( nearEstimate - start.z ) / ( end.z - start.z );

		}

		void main() {

			#ifdef USE_COLOR

				vColor.xyz = ( position.y < 0.5 ) ? instanceColorStart : instanceColorEnd;

			#endif

			float aspect = resolution.x / resolution.y;

			// camera space
			vec4 start = modelViewMatrix * vec4( instanceStart, 1.0 );
			vec4 end = modelViewMatrix * vec4( instanceEnd, 1.0 );

			#ifdef USE_DASH

				float lineDistanceStart = dashScale * instanceDistanceStart;
				float lineDistanceEnd = dashScale * instanceDistanceEnd;

			#endif

			#ifdef WORLD_UNITS

				worldStart = start.xyz;
				worldEnd = end.xyz;

			#else

				vUv = uv;

			#endif

			// special case for perspective projection, and segments that terminate either in, or behind, the camera plane
			// clearly the gpu firmware has a way of addressing this issue when projecting into ndc space
			// but we need to perform ndc-space calculations in the shader, so we must address this issue directly
			// perhaps there is a more elegant solution -- WestLangley

			bool perspective = ( projectionMatrix[ 2 ][ 3 ] == - 1.0 ); // 4th entry in the 3rd column

			if ( perspective ) {

				if ( start.z < 0.0 && end.z >= 0.0 ) {

					float alpha = trimSegmentAlpha( start, end );
					end.xyz = mix( start.xyz, end.xyz, alpha );

					#ifdef USE_DASH

						lineDistanceEnd = mix( lineDistanceStart, lineDistanceEnd, alpha );

					#endif

				} else if ( end.z < 0.0 && start.z >= 0.0 ) {

					float alpha = trimSegmentAlpha( end, start );
					start.xyz = mix( end.xyz, start.xyz, alpha );

					#ifdef USE_DASH

						lineDistanceStart = mix( lineDistanceEnd, lineDistanceStart, alpha );

					#endif

				}

			}

			#ifdef USE_DASH

				vLineDistance = ( position.y < 0.5 ) ? lineDistanceStart : lineDistanceEnd;
				vUv = uv;

			#endif

			// clip space
			vec4 clipStart = projectionMatrix * start;
			vec4 clipEnd = projectionMatrix * end;

			// ndc space
			vec3 ndcStart = clipStart.xyz / clipStart.w;
			vec3 ndcEnd = clipEnd.xyz / clipEnd.w;

			// direction
			vec2 dir = ndcEnd.xy - ndcStart.xy;

			// account for clip-space aspect ratio
			dir.x *= aspect;
			dir = normalize( dir );

			#ifdef WORLD_UNITS

				vec3 worldDir = normalize( end.xyz - start.xyz );
				vec3 tmpFwd = perspective ? normalize( mix( start.xyz, end.xyz, 0.5 ) ) : vec3( 0.0, 0.0, - 1.0 );
				vec3 worldUp = normalize( cross( worldDir, tmpFwd ) );
				vec3 worldFwd = cross( worldDir, worldUp );
				worldPos = position.y < 0.5 ? start: end;

				// height offset
				float hw = linewidth * 0.5;
				worldPos.xyz += position.x < 0.0 ? hw * worldUp : - hw * worldUp;

				// don't extend the line if we're rendering dashes because we
				// won't be rendering the endcaps
				#ifndef USE_DASH

					// cap extension
					worldPos.xyz += position.y < 0.5 ? - hw * worldDir : hw * worldDir;

					// add width to the box
					worldPos.xyz += worldFwd * hw;

					// endcaps
					if ( position.y > 1.0 || position.y < 0.0 ) {

						worldPos.xyz -= worldFwd * 2.0 * hw;

					}

				#endif

				// project the worldpos
				vec4 clip = projectionMatrix * worldPos;

				// shift the depth of the projected points so the line
				// segments overlap neatly
				vec3 clipPose = ( position.y < 0.5 ) ? ndcStart : ndcEnd;

				// only shift the depth of vertices in front of the camera (#35137)
				if ( clip.w > 0.0 ) clip.z = clipPose.z * clip.w;

			#else

				vec2 offset = vec2( dir.y, - dir.x );
				// undo aspect ratio adjustment
				dir.x /= aspect;
				offset.x /= aspect;

				// sign flip
				if ( position.x < 0.0 ) offset *= - 1.0;

				// endcaps
				if ( position.y < 0.0 ) {

					offset += - dir;

				} else if ( position.y > 1.0 ) {

					offset += dir;

				}

				// adjust for linewidth
				offset *= linewidth;

				// adjust for clip-space to screen-space conversion // maybe resolution should be based on viewport ...
				offset /= resolution.y;

				// select end
				vec4 clip = ( position.y < 0.5 ) ? clipStart : clipEnd;

				// back to clip space
				offset *= clip.w;

				clip.xy += offset;

			#endif

			gl_Position = clip;

			vec4 mvPosition = ( position.y < 0.5 ) ? start : end; // this is an approximation

			#include <logdepthbuf_vertex>
			#include <clipping_planes_vertex>
			#include <fog_vertex>

		}
		`,fragmentShader:`
		uniform vec3 diffuse;
		uniform float opacity;
		uniform float linewidth;

		#ifdef USE_DASH

			uniform float dashOffset;
			uniform float dashSize;
			uniform float gapSize;

		#endif

		varying float vLineDistance;

		#ifdef WORLD_UNITS

			varying vec4 worldPos;
			varying vec3 worldStart;
			varying vec3 worldEnd;

			#ifdef USE_DASH

				varying vec2 vUv;

			#endif

		#else

			varying vec2 vUv;

		#endif

		#include <common>
		#include <color_pars_fragment>
		#include <fog_pars_fragment>
		#include <logdepthbuf_pars_fragment>
		#include <clipping_planes_pars_fragment>

		vec2 closestLineToLine(vec3 p1, vec3 p2, vec3 p3, vec3 p4) {

			float mua;
			float mub;

			vec3 p13 = p1 - p3;
			vec3 p43 = p4 - p3;

			vec3 p21 = p2 - p1;

			float d1343 = dot( p13, p43 );
			float d4321 = dot( p43, p21 );
			float d1321 = dot( p13, p21 );
			float d4343 = dot( p43, p43 );
			float d2121 = dot( p21, p21 );

			float denom = d2121 * d4343 - d4321 * d4321;

			float numer = d1343 * d4321 - d1321 * d4343;

			mua = numer / denom;
			mua = clamp( mua, 0.0, 1.0 );
			mub = ( d1343 + d4321 * ( mua ) ) / d4343;
			mub = clamp( mub, 0.0, 1.0 );

			return vec2( mua, mub );

		}

		void main() {

			float alpha = opacity;
			vec4 diffuseColor = vec4( diffuse, alpha );

			#include <clipping_planes_fragment>

			#ifdef USE_DASH

				if ( vUv.y < - 1.0 || vUv.y > 1.0 ) discard; // discard endcaps

				if ( mod( vLineDistance + dashOffset, dashSize + gapSize ) > dashSize ) discard; // todo - FIX

			#endif

			#ifdef WORLD_UNITS

				float len;

				if ( isOrthographic ) {

					// View rays are parallel to the z axis so the distance reduces to camera-space XY
					vec2 lineDir = worldEnd.xy - worldStart.xy;
					float t = clamp( dot( worldPos.xy - worldStart.xy, lineDir ) / dot( lineDir, lineDir ), 0.0, 1.0 );
					len = length( worldStart.xy + lineDir * t - worldPos.xy );

				} else {

					// Find the closest points on the view ray and the line segment
					vec3 rayEnd = normalize( worldPos.xyz ) * 1e5;
					vec3 lineDir = worldEnd - worldStart;
					vec2 params = closestLineToLine( worldStart, worldEnd, vec3( 0.0, 0.0, 0.0 ), rayEnd );

					vec3 p1 = worldStart + lineDir * params.x;
					vec3 p2 = rayEnd * params.y;
					vec3 delta = p1 - p2;
					len = length( delta );

				}

				float norm = len / linewidth;

				#ifndef USE_DASH

					#ifdef USE_ALPHA_TO_COVERAGE

						float dnorm = fwidth( norm );
						alpha = 1.0 - smoothstep( 0.5 - dnorm, 0.5 + dnorm, norm );

					#else

						if ( norm > 0.5 ) {

							discard;

						}

					#endif

				#endif

			#else

				#ifdef USE_ALPHA_TO_COVERAGE

					// artifacts appear on some hardware if a derivative is taken within a conditional
					float a = vUv.x;
					float b = ( vUv.y > 0.0 ) ? vUv.y - 1.0 : vUv.y + 1.0;
					float len2 = a * a + b * b;
					float dlen = fwidth( len2 );

					if ( abs( vUv.y ) > 1.0 ) {

						alpha = 1.0 - smoothstep( 1.0 - dlen, 1.0 + dlen, len2 );

					}

				#else

					if ( abs( vUv.y ) > 1.0 ) {

						float a = vUv.x;
						float b = ( vUv.y > 0.0 ) ? vUv.y - 1.0 : vUv.y + 1.0;
						float len2 = a * a + b * b;

						if ( len2 > 1.0 ) discard;

					}

				#endif

			#endif

			#include <logdepthbuf_fragment>
			#include <color_fragment>

			gl_FragColor = vec4( diffuseColor.rgb, alpha );

			#include <tonemapping_fragment>
			#include <colorspace_fragment>
			#include <fog_fragment>
			#include <premultiplied_alpha_fragment>

		}
		`};var _t=class extends f{constructor(e){super({type:`LineMaterial`,uniforms:t.clone(A.line.uniforms),vertexShader:A.line.vertexShader,fragmentShader:A.line.fragmentShader,clipping:!0}),this.isLineMaterial=!0,this.setValues(e)}get color(){return this.uniforms.diffuse.value}set color(e){this.uniforms.diffuse.value=e}get worldUnits(){return`WORLD_UNITS`in this.defines}set worldUnits(e){e===!0!==this.worldUnits&&(this.needsUpdate=!0),e===!0?this.defines.WORLD_UNITS=``:delete this.defines.WORLD_UNITS}get linewidth(){return this.uniforms.linewidth.value}set linewidth(e){this.uniforms.linewidth&&(this.uniforms.linewidth.value=e)}get dashed(){return`USE_DASH`in this.defines}set dashed(e){e===!0!==this.dashed&&(this.needsUpdate=!0),e===!0?this.defines.USE_DASH=``:delete this.defines.USE_DASH}get dashScale(){return this.uniforms.dashScale.value}set dashScale(e){this.uniforms.dashScale.value=e}get dashSize(){return this.uniforms.dashSize.value}set dashSize(e){this.uniforms.dashSize.value=e}get dashOffset(){return this.uniforms.dashOffset.value}set dashOffset(e){this.uniforms.dashOffset.value=e}get gapSize(){return this.uniforms.gapSize.value}set gapSize(e){this.uniforms.gapSize.value=e}get opacity(){return this.uniforms.opacity.value}set opacity(e){this.uniforms&&(this.uniforms.opacity.value=e)}get resolution(){return this.uniforms.resolution.value}set resolution(e){this.uniforms.resolution.value.copy(e)}get alphaToCoverage(){return`USE_ALPHA_TO_COVERAGE`in this.defines}set alphaToCoverage(e){this.defines&&(e===!0!==this.alphaToCoverage&&(this.needsUpdate=!0),e===!0?this.defines.USE_ALPHA_TO_COVERAGE=``:delete this.defines.USE_ALPHA_TO_COVERAGE)}},vt=new g,yt=new o,bt=new o,K=new g,q=new g,J=new g,xt=new o,St=new m,Y=new le,Ct=new o,wt=new E,Tt=new a,X=new g,Z,Q;function Et(e,t,n){return X.set(0,0,-t,1).applyMatrix4(e.projectionMatrix),X.multiplyScalar(1/X.w),X.x=Q/n.width,X.y=Q/n.height,X.applyMatrix4(e.projectionMatrixInverse),X.multiplyScalar(1/X.w),Math.abs(Math.max(X.x,X.y))}function Dt(e,t){let n=e.matrixWorld,r=e.geometry,i=r.attributes.instanceStart,a=r.attributes.instanceEnd,s=Math.min(r.instanceCount,i.count);for(let r=0,c=s;r<c;r++){Y.start.fromBufferAttribute(i,r),Y.end.fromBufferAttribute(a,r),Y.applyMatrix4(n);let s=new o,c=new o;Z.distanceSqToSegment(Y.start,Y.end,c,s),c.distanceTo(s)<Q*.5&&t.push({point:c,pointOnLine:s,distance:Z.origin.distanceTo(c),object:e,face:null,faceIndex:r,uv:null,uv1:null})}}function Ot(e,t,n){let r=t.projectionMatrix,i=e.material.resolution,a=e.matrixWorld,s=e.geometry,c=s.attributes.instanceStart,l=s.attributes.instanceEnd,u=Math.min(s.instanceCount,c.count),d=-t.near;Z.at(1,J),J.w=1,J.applyMatrix4(t.matrixWorldInverse),J.applyMatrix4(r),J.multiplyScalar(1/J.w),J.x*=i.x/2,J.y*=i.y/2,J.z=0,xt.copy(J),St.multiplyMatrices(t.matrixWorldInverse,a);for(let t=0,s=u;t<s;t++){if(K.fromBufferAttribute(c,t),q.fromBufferAttribute(l,t),K.w=1,q.w=1,K.applyMatrix4(St),q.applyMatrix4(St),K.z>d&&q.z>d)continue;if(K.z>d){let e=K.z-q.z,t=(K.z-d)/e;K.lerp(q,t)}else if(q.z>d){let e=q.z-K.z,t=(q.z-d)/e;q.lerp(K,t)}K.applyMatrix4(r),q.applyMatrix4(r),K.multiplyScalar(1/K.w),q.multiplyScalar(1/q.w),K.x*=i.x/2,K.y*=i.y/2,q.x*=i.x/2,q.y*=i.y/2,Y.start.copy(K),Y.start.z=0,Y.end.copy(q),Y.end.z=0;let s=Y.closestPointToPointParameter(xt,!0);Y.at(s,Ct);let u=de.lerp(K.z,q.z,s),f=u>=-1&&u<=1,p=xt.distanceTo(Ct)<Q*.5;if(f&&p){Y.start.fromBufferAttribute(c,t),Y.end.fromBufferAttribute(l,t),Y.start.applyMatrix4(a),Y.end.applyMatrix4(a);let r=new o,i=new o;Z.distanceSqToSegment(Y.start,Y.end,i,r),n.push({point:i,pointOnLine:r,distance:Z.origin.distanceTo(i),object:e,face:null,faceIndex:t,uv:null,uv1:null})}}}var kt=class extends n{constructor(e=new gt,t=new _t({color:Math.random()*16777215})){super(e,t),this.isLineSegments2=!0,this.type=`LineSegments2`}computeLineDistances(){let e=this.geometry,t=e.attributes.instanceStart,n=e.attributes.instanceEnd,r=new Float32Array(2*t.count);for(let e=0,i=0,a=t.count;e<a;e++,i+=2)yt.fromBufferAttribute(t,e),bt.fromBufferAttribute(n,e),r[i]=i===0?0:r[i-1],r[i+1]=r[i]+yt.distanceTo(bt);let i=new te(r,2,1);return e.setAttribute(`instanceDistanceStart`,new T(i,1,0)),e.setAttribute(`instanceDistanceEnd`,new T(i,1,1)),this}raycast(e,t){let n=this.material.worldUnits,r=e.camera;if(r===null&&!n&&console.error(`LineSegments2: "Raycaster.camera" needs to be set in order to raycast against LineSegments2 while worldUnits is set to false.`),n===!1&&(this.material.resolution.x===0||this.material.resolution.y===0))return;let i=e.params.Line2===void 0?0:e.params.Line2.threshold||0;Z=e.ray;let a=this.matrixWorld,o=this.geometry,s=this.material;Q=s.linewidth+i,o.boundingSphere===null&&o.computeBoundingSphere(),Tt.copy(o.boundingSphere).applyMatrix4(a);let c;if(c=n?Q*.5:Et(r,Math.max(r.near,Tt.distanceToPoint(Z.origin)),s.resolution),Tt.radius+=c,Z.intersectsSphere(Tt)===!1)return;o.boundingBox===null&&o.computeBoundingBox(),wt.copy(o.boundingBox).applyMatrix4(a);let l;l=n?Q*.5:Et(r,Math.max(r.near,wt.distanceToPoint(Z.origin)),s.resolution),wt.expandByScalar(l),Z.intersectsBox(wt)!==!1&&(n?Dt(this,t):Ot(this,r,t))}onBeforeRender(e){let t=this.material.uniforms;t&&t.resolution&&(e.getViewport(vt),this.material.uniforms.resolution.value.set(vt.z,vt.w))}},At=class extends gt{constructor(){super(),this.isLineGeometry=!0,this.type=`LineGeometry`}setPositions(e){let t=e.length-3,n=new Float32Array(2*t);for(let r=0;r<t;r+=3)n[2*r]=e[r],n[2*r+1]=e[r+1],n[2*r+2]=e[r+2],n[2*r+3]=e[r+3],n[2*r+4]=e[r+4],n[2*r+5]=e[r+5];return super.setPositions(n),this}setColors(e){let t=e.length-3,n=new Float32Array(2*t);for(let r=0;r<t;r+=3)n[2*r]=e[r],n[2*r+1]=e[r+1],n[2*r+2]=e[r+2],n[2*r+3]=e[r+3],n[2*r+4]=e[r+4],n[2*r+5]=e[r+5];return super.setColors(n),this}setFromPoints(e){let t=e.length-1,n=new Float32Array(6*t);for(let r=0;r<t;r++)n[6*r]=e[r].x,n[6*r+1]=e[r].y,n[6*r+2]=e[r].z||0,n[6*r+3]=e[r+1].x,n[6*r+4]=e[r+1].y,n[6*r+5]=e[r+1].z||0;return super.setPositions(n),this}fromLine(e){let t=e.geometry;return this.setPositions(t.attributes.position.array),this}},jt=class extends kt{constructor(e=new At,t=new _t({color:Math.random()*16777215})){super(e,t),this.isLine2=!0,this.type=`Line2`}},Mt=class{made=new Map;get(e,t,n=1,r=!1){let i=`${String(e)} ${t} ${n} ${r}`,a=this.made.get(i);return a||(a=new _t({color:e,linewidth:t,opacity:n,transparent:!0,depthWrite:!1,vertexColors:r,fog:!1}),this.made.set(i,a)),a}};function Nt(e,t,n){let r=new At;return r.setPositions(e),n&&r.setColors(n),new jt(r,t)}function Pt(e,t,n,r){let i=Math.tan(e*Math.PI/360),a=i/t,o=[[-i,-a,1],[i,-a,1],[i,a,1],[-i,a,1]],s=[];o.forEach((e,t)=>{s.push(0,0,0,...e,...e,...o[(t+1)%4]??e)}),s.push(-.35*i,-1.08*a,1,0,-1.45*a,1,0,-1.45*a,1,.35*i,-1.08*a,1);let c=new gt;c.setPositions(s);let l=new k,u=new kt(c,r);u.renderOrder=1;let d=new kt(c,n);return d.renderOrder=2,l.add(u,d),l}function Ft(e){e.traverse(e=>{e instanceof kt&&e.geometry.dispose()}),e.clear()}var It=`#ffb454`,Lt=`#f4f5f7`,Rt=`#ff5d5d`,zt=`#9fd3ff`,$=`#0b0c0e`,Bt=class{aspect;group=new k;pens=new Mt;line=new k;keys=new k;ghost=new k;head=null;headFov=0;most=4;targets=new Map;ball=new s(.9,8,6);unseen=new ue({visible:!1});constructor(e){this.aspect=e,this.group.add(this.line,this.ghost,this.keys)}setPath(e,t){if(Ft(this.line),!e||e.poses.length<2)return;let n=e.poses.flatMap(e=>[...e.position]),[r,i]=[new se(It),new se(Rt)],a=e.poses.flatMap((n,a)=>((e.speed[a]??0)>t.metres||(e.turn[a]??0)>t.degrees?i:r).toArray()),o=Nt(n,this.pens.get($,5,.45)),s=Nt(n,this.pens.get(`#ffffff`,2.5,1,!0),a);[o.renderOrder,s.renderOrder]=[1,2],this.line.add(o,s)}setGhost(e){if(Ft(this.ghost),!e||e.length<2)return;let t=e.flatMap(e=>[...e.position]);this.ghost.add(Nt(t,this.pens.get($,5,.45)),Nt(t,this.pens.get(zt,2)));let n=Pt(70,this.aspect,this.pens.get(zt,1.5),this.pens.get($,4,.45));He(n,e.at(-1)),this.ghost.add(n)}setKeyframes(e,t){Ft(this.keys),this.targets.clear(),this.most=Vt(e);for(let r of e){let e=t.has(r.id),i=this.pens.get(e?It:Lt,e?2.5:1.5),a=Pt(r.fov,this.aspect,i,this.pens.get($,4.5,.45));He(a,r);let o=new n(this.ball,this.unseen);o.position.z=.4,a.add(o),this.targets.set(o,r.id),this.keys.add(a)}}setPlayhead(e,t){e?(this.head&&this.headFov===t||(this.head&&(Ft(this.head),this.group.remove(this.head)),this.head=Pt(t,this.aspect,this.pens.get(`#ffffff`,2),this.pens.get($,5,.5)),this.headFov=t,this.group.add(this.head)),this.head.visible=!0,He(this.head,e)):this.head&&(this.head.visible=!1)}rescale(e){let t=new o;for(let n of[...this.keys.children,...this.head?[this.head]:[],...this.ghost.children.slice(2)]){let r=n.getWorldPosition(t).distanceTo(e.position);n.scale.setScalar(Math.min(this.most,Math.max(.12,r*(n===this.head?.07:.06))))}}pick(e){let t=e.intersectObjects([...this.targets.keys()],!1)[0];return t?this.targets.get(t.object)??null:null}};function Vt(e){let t=e.slice(1).map((t,n)=>me(t.position,e[n]?.position??t.position)),n=t.sort((e,t)=>e-t)[t.length>>1]??4;return Math.min(4,Math.max(.3,.7*n))}var Ht=new se(`#101114`),Ut=12,Wt=class{canvas;aspect;rig;gizmo;renderer;scene=new u;root=new k;eye=new r(50,1,.05,2e3);lens=new r(50,1,.05,2e3);orbit;grid=new w(80,80,`#3a3f49`,`#23262d`);resizes;setting=null;asked=0;gone=!1;size={width:1,height:1};view=null;through=!1;pipWidth=0;constructor(e,t){this.canvas=e,this.aspect=t,this.renderer=new oe({canvas:e,antialias:!0,powerPreference:`high-performance`}),this.renderer.setPixelRatio(Math.min(window.devicePixelRatio,2)),this.renderer.autoClear=!1,this.scene.background=Ht,this.root.rotation.x=Math.PI,this.grid.position.y=1.6,this.rig=new Bt(t),this.root.add(this.grid,this.rig.group),this.scene.add(this.root),this.orbit=new we(this.eye,e),this.orbit.addEventListener(`change`,this.ask),this.gizmo=new pt(this.eye,e,this.root,this.scene,this.orbit,this.ask),this.resizes=new ResizeObserver(()=>this.resize()),this.resizes.observe(e.parentElement),this.lens.matrixAutoUpdate=!1,this.lookFrom(new o(5.5,4,7),new o(0,.3,-4)),this.resize()}dispose(){this.gone=!0,cancelAnimationFrame(this.asked),this.resizes.disconnect(),this.gizmo.dispose(),this.orbit.dispose(),this.setting&&C(this.setting),this.renderer.dispose(),this.renderer.forceContextLoss()}setSetting(e){this.setting&&(this.root.remove(this.setting.group),C(this.setting)),this.setting=e,e&&this.root.add(e.group),this.scene.fog=e?.fog??null,this.grid.visible=!e?.fog,this.ask()}setCamera(e,t,n){this.view=e?{pose:e,fov:t}:null,this.rig.setPlayhead(n?e:null,t),this.ask()}frame(e){let t=new E().setFromPoints(e.map(([e,t,n])=>new o(e,-t,-n))),n=t.getCenter(new o),r=Math.max(4,t.getSize(new o).length()*1.15),i=this.eye.position.clone().sub(this.orbit.target).normalize();this.lookFrom(n.clone().addScaledVector(i,r),n)}lookAlong(e){let t=this.orbit.target.clone(),n=this.eye.position.distanceTo(t),r={top:new o(0,1,.001),side:new o(1,.02,0),back:new o(0,.15,1)};this.lookFrom(t.clone().addScaledVector(r[e].normalize(),n),t)}turn(e,t,n=1){let r=this.eye.position.clone().sub(this.orbit.target),i=new o(0,1,0).cross(r).normalize();r.applyAxisAngle(new o(0,1,0),e*Math.PI/180),r.applyAxisAngle(i,-t*Math.PI/180).multiplyScalar(n),this.lookFrom(this.orbit.target.clone().add(r),this.orbit.target.clone())}eyePose(){return this.eye.updateMatrixWorld(),Be(this.eye.matrixWorld)}pick(e,t){let n=new l,r=new _(e/this.size.width*2-1,1-t/this.size.height*2);return n.setFromCamera(r,this.eye),this.rig.pick(n)}gate(){let e=.94,t=Math.min(this.size.width*e,this.size.height*e*this.aspect),n=t/this.aspect;return{left:(this.size.width-t)/2,top:(this.size.height-n)/2,width:t,height:n}}ask=()=>{!this.asked&&!this.gone&&(this.asked=requestAnimationFrame(this.draw))};draw=()=>{this.asked=0;let{width:e,height:t}=this.size,n=this.through&&this.view;if(this.orbit.enabled=!n&&!this.gizmo.dragging,this.gizmo.visible=this.gizmo.enabled=!n,this.rig.group.visible=!n,this.renderer.setScissorTest(!1),this.renderer.setViewport(0,0,e,t),this.renderer.clear(),n){let n=t/this.gate().height;this.aim(e/t,n),this.renderer.render(this.scene,this.lens)}else this.rig.rescale(this.eye),this.renderer.render(this.scene,this.eye),this.view&&this.pipWidth&&this.drawInset()};drawInset(){let e=this.pipWidth,t=Math.round(e/this.aspect),n=this.size.width-e-Ut;this.rig.group.visible=this.gizmo.visible=!1,this.aim(this.aspect,1),this.renderer.setScissorTest(!0),this.renderer.setScissor(n,Ut,e,t),this.renderer.setViewport(n,Ut,e,t),this.renderer.clear(),this.renderer.render(this.scene,this.lens),this.renderer.setScissorTest(!1),this.rig.group.visible=this.gizmo.visible=!0}aim(e,t){if(!this.view)return;let n=We(this.view.fov,this.aspect)*Math.PI/360;this.lens.fov=360/Math.PI*Math.atan(Math.tan(n)*t),this.lens.aspect=e,this.lens.updateProjectionMatrix(),this.lens.matrix.copy(ze(this.view.pose)),this.lens.updateMatrixWorld(!0)}lookFrom(e,t){this.eye.position.copy(e),this.orbit.target.copy(t),this.orbit.update(),this.ask()}resize(){let e=this.canvas.parentElement,[t,n]=[Math.max(1,e.clientWidth),Math.max(1,e.clientHeight)];this.size={width:t,height:n},this.renderer.setSize(t,n,!1),this.eye.aspect=t/n,this.eye.updateProjectionMatrix(),this.draw(),this.canvas.dispatchEvent(new Event(`stage-resize`))}};export{Wt as Stage};